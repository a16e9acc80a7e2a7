// npm run bench: measures all groups, prints the tables, and writes
// bench/results/<date>.json and docs/performance.md. With names of groups (npm run bench --
// rest grpc), measures only those and writes no files. With --against <commit>, measures
// Signet beside that commit.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEmbedded } from '#kit/db/embedded.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { silentLog } from '#kit/log/log.ts';
import { type Chosen, readArguments } from './arguments.ts';
import { type Bench, compareTrees, createBench, type Facts, type Group } from './groups/bench.ts';
import { comparisons, groups } from './groups/groups.ts';
import { describeMachine } from './measure/machine.ts';
import { withFigures } from './report/document.ts';
import { isFacts, isGroup, summaryOf, treeSummaryOf } from './report/summary.ts';
import { type Results, type Run, toMarkdown, treesToMarkdown } from './report/tables.ts';
import { stopChildren } from './server/child.ts';
import { installPeers } from './server/peers.ts';
import { commitOf, currentCommit, openTree, ours } from './server/tree.ts';

const dir = path.join(ours.root, '.data', 'bench');

const chosen = await choose();

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
  const lock = lockDataDir(path.join(ours.root, '.data', 'bench-lock'));
  open.push(() => lock.release());
  await clear();
  open.push(clear);
  await (chosen.against === undefined ? measureAll(chosen.groups) : measureTrees(chosen.groups, chosen.against));
  say(`took ${Math.round((performance.now() - began) / 1_000)} s\n`);
} catch (error) {
  // After an interrupt the error only reports the ended servers.
  if (interrupted) await new Promise(() => undefined);
  throw error;
} finally {
  if (!interrupted) await close();
}
process.exit(0);

async function choose(): Promise<Chosen> {
  try {
    const read = readArguments(process.argv.slice(2), Object.keys(groups), Object.keys(comparisons));
    return read.against === undefined ? read : { ...read, against: await commitOf(read.against) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

async function measureAll(names: readonly string[]): Promise<void> {
  const wanted = names.length > 0 ? names : Object.keys(groups);
  if (wanted.some((name) => comparisons[name]?.peers)) await installPeers((text) => say(`${text}\n`));
  const { run, bench } = await prepare();
  const measured: (Group | Facts)[] = [];
  const results = (): Results => {
    const [facts, compared] = [measured.filter(isFacts), measured.filter(isGroup)];
    return { ...run, groups: compared.map(summaryOf), facts };
  };
  try {
    for (const name of wanted) measured.push(...[await reported(name, () => groups[name]!(bench))].flat());
  } finally {
    // Also of a run that fails in a later group.
    if (!interrupted) say(`\n${toMarkdown(results())}\n\n`);
  }
  if (names.length === 0) await keep(results());
}

async function measureTrees(names: readonly string[], commit: string): Promise<void> {
  // Pushed first: an interrupt while it is installed must remove it as well.
  const tree = await reported(`installing ${commit.slice(0, 7)}`, () =>
    openTree(commit, (remove) => open.push(remove)),
  );
  const { run, bench } = await prepare();
  const summaries = [];
  for (const name of names) {
    const comparison = comparisons[name]!;
    summaries.push(treeSummaryOf(comparison, await reported(name, () => compareTrees(bench, comparison, tree))));
  }
  say(`\n${treesToMarkdown(run, tree.name, summaries)}\n\n`);
}

async function prepare(): Promise<{ run: Run; bench: Bench }> {
  const machine = await describeMachine();
  const server = await startEmbedded({ dataDir: path.join(dir, 'database'), log: silentLog });
  open.push(() => server.stop());
  const run = { date: new Date().toISOString(), commit: await currentCommit(), machine };
  return { run, bench: createBench(dir, server, (text) => say(` ${text}`)) };
}

async function reported<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  say(`${name} ...`);
  const result = await work();
  say(`, ${Math.round((performance.now() - began) / 1_000)} s\n`);
  return result;
}

function say(text: string): void {
  process.stdout.write(text);
}

async function keep(results: Results): Promise<void> {
  const file = path.join(ours.root, 'bench', 'results', `${results.date.slice(0, 10)}.json`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(results, rounded, 2)}\n`);
  const document = path.join(ours.root, 'docs', 'performance.md');
  await writeFile(document, withFigures(await readFile(document, 'utf8'), toMarkdown(results)));
  say(`written to ${path.relative(ours.root, file)} and docs/performance.md\n`);
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
