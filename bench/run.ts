// npm run bench: measures all groups, prints the tables, and writes
// bench/results/<date>.json and docs/performance.md. With arguments (npm run bench --
// rest grpc), measures only those groups and writes no files.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmbedded } from '#kit/db/embedded.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { silentLog } from '#kit/log/log.ts';
import { audit } from './groups/audit.ts';
import { anonymous } from './groups/anonymous.ts';
import { type Bench, createBench, type Facts, type Group } from './groups/bench.ts';
import { growth } from './groups/growth.ts';
import { grpc } from './groups/grpc.ts';
import { imported } from './groups/imported.ts';
import { login } from './groups/login.ts';
import { orders } from './groups/orders.ts';
import { refresh } from './groups/refresh.ts';
import { rest } from './groups/rest.ts';
import { revocation } from './groups/revocation.ts';
import { start } from './groups/start.ts';
import { verify } from './groups/verify.ts';
import { describeMachine } from './measure/machine.ts';
import { stopChildren } from './server/child.ts';
import { withFigures } from './report/document.ts';
import { type Results, toMarkdown } from './report/tables.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = path.join(root, '.data', 'bench');
const loads: Record<string, (bench: Bench) => Promise<Group | Group[]>> = {
  refresh,
  rest,
  anonymous,
  grpc,
  login,
  verify,
  growth,
};
const others = ['start', 'audit', 'revocation', 'imported', 'orders'];

const words = process.argv.slice(2);
const unknown = words.filter((word) => !others.includes(word) && !Object.hasOwn(loads, word));
if (unknown.length > 0)
  throw new Error(`unknown group ${unknown.join(', ')}; known: ${others.join(', ')}, ${Object.keys(loads).join(', ')}`);
const wanted = (name: string) => words.length === 0 || words.includes(name);

const open: (() => unknown)[] = [];
let interrupted = false;
async function close(): Promise<void> {
  await stopChildren();
  for (const one of open.splice(0).toReversed()) await one();
}
function exit(): never {
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    interrupted = true;
    close().then(exit, exit);
  });
}

try {
  const began = performance.now();
  const lock = lockDataDir(path.join(root, '.data', 'bench-lock'));
  open.push(() => lock.release());
  await clear();
  open.push(clear);
  const results = await run();
  const text = toMarkdown(results);
  process.stdout.write(`\n${text}\n\n`);
  if (words.length === 0) await keep(results, text);
  process.stdout.write(`took ${Math.round((performance.now() - began) / 1_000)} s\n`);
} catch (error) {
  // After an interrupt the error only reports the ended servers.
  if (interrupted) await new Promise(() => undefined);
  throw error;
} finally {
  if (!interrupted) await close();
}
process.exit(0);

async function run(): Promise<Results> {
  const machine = await describeMachine();
  const facts: Facts[] = [];
  const groups: Group[] = [];
  const own = path.join(dir, 'start');
  await mkdir(own, { recursive: true, mode: 0o711 });
  if (wanted('start')) facts.push(await reported('start', () => start(own)));
  const server = await startEmbedded({ dataDir: path.join(dir, 'database'), log: silentLog });
  open.push(() => server.stop());
  const bench = createBench(dir, server);
  for (const [name, load] of Object.entries(loads)) {
    if (wanted(name)) groups.push(...[await reported(name, () => load(bench))].flat());
  }
  if (wanted('audit')) facts.push(...(await reported('audit', () => audit(bench))));
  if (wanted('revocation')) facts.push(await reported('revocation', () => revocation(bench)));
  if (wanted('imported')) facts.push(await reported('imported', imported));
  if (wanted('orders')) facts.push(...(await reported('orders', () => orders(bench))));
  return { date: new Date().toISOString(), commit: await commit(), machine, groups, facts };
}

async function reported<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  process.stdout.write(`${name} ...`);
  const result = await work();
  process.stdout.write(` ${Math.round((performance.now() - began) / 1_000)} s\n`);
  return result;
}

async function keep(results: Results, text: string): Promise<void> {
  const file = path.join(root, 'bench', 'results', `${results.date.slice(0, 10)}.json`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(results, rounded, 2)}\n`);
  const document = path.join(root, 'docs', 'performance.md');
  await writeFile(document, withFigures(await readFile(document, 'utf8'), text));
  process.stdout.write(`written to ${path.relative(root, file)} and docs/performance.md\n`);
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

/** Stops the servers and deletes the files of this run, or of an earlier one that was killed. */
async function clear(): Promise<void> {
  for (const dataDir of [path.join(dir, 'start', 'data'), path.join(dir, 'database')]) {
    if (existsSync(dataDir)) await (await startEmbedded({ dataDir, log: silentLog })).stop();
  }
  await rm(dir, { recursive: true, force: true });
}

async function commit(): Promise<string> {
  try {
    const changes = await git('status', '--porcelain', '--', 'kit', 'services', 'prisma', 'package-lock.json');
    return `${await git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

async function git(...args: string[]): Promise<string> {
  return (await promisify(execFile)('git', args, { cwd: root })).stdout.trim();
}
