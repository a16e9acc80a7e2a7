// npm run smoke: tests the documentation as a new user would. Clones HEAD into a
// private folder, starts it, runs the commands of the documents and compares their
// output; presses Ctrl-C, runs the fleet, starts again, starts a second instance,
// kills the first, and starts once more. Uses the ports of README.md.
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runQuietly } from '../command.mjs';
import { newcomersEnvironment } from '../newcomer.ts';
import { commandsOf, type Paste } from './commands.ts';
import { missingLine } from './compare.ts';
import { distantHome, ports, processesOf, takenPorts } from './leftovers.ts';
import { pasteAll } from './paste.ts';
import { endAll, npmStart, type Start } from './start.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** The documents in order, each in a new shell. The first also runs with the fleet. */
const documents = [
  'README.md',
  'docs/getting-started.md',
  'docs/tokens-and-sessions.md',
  'docs/edge.md',
  'docs/shop.md',
  'docs/operating.md',
  'docs/cli.md',
  'docs/observability.md',
] as const;
/** Maximum time of a second start, ms. */
const secondStart = 5_000;

const taken = await takenPorts();
if (taken.length > 0) {
  console.error(`smoke: port ${taken.join(', ')} is in use. README.md's commands need the ports ${ports.join(', ')}.`);
  process.exit(1);
}
const changed = (await runQuietly('git', ['status', '--porcelain'], { cwd: root })).split('\n').filter(Boolean).length;
if (changed > 0) say(`note: ${changed} changed files are not committed and not part of this test`);

const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'signet-smoke-')));
const clone = path.join(folder, 'signet');
const env = newcomersEnvironment();
try {
  await runQuietly('git', ['clone', '--quiet', root, clone]);
  await run();
  say('passed');
} catch (error) {
  console.error(`FAIL ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await endAll();
  await clearAway();
}

async function run(): Promise<void> {
  const first = npmStart(clone, env);
  say(`a clean clone started in ${seconds(await first.running())}, including packages`);
  const [readme, ...others] = documents;
  // README.md asks the reader to set this variable.
  env['ADMIN_PASSWORD'] = / {3}password (\S+) {3}shown only once/.exec(first.output())?.[1] ?? '';
  await follow(readme, first);
  await stop(first);

  const fleet = npmStart(clone, env, ['run', 'fleet']);
  say(`npm run fleet started in ${seconds(await fleet.running())} on the same data`);
  await follow(readme, fleet, ({ commands }) => !commands.includes('/auth/register'));
  await stop(fleet, 'npm run fleet');

  const second = npmStart(clone, env);
  const took = await second.running();
  say(`the second start took ${seconds(took)}`);
  expect(took < secondStart, `the second start took ${seconds(took)}, more than ${seconds(secondStart)}`);
  await expectGrace();
  for (const file of others) await follow(file, second);

  const both = npmStart(clone, env);
  const { code } = await both.ended();
  expect(code !== 0 && code !== null, `a second npm start on the same data exited with ${code}`);
  expect(
    both.output().includes('another Signet'),
    `a second npm start on the same data did not explain its exit. ${both.lastLines()}`,
  );
  say('a second npm start on the same data explains the conflict and exits');
  await expectGrace();

  process.kill(Number(await readFile(path.join(clone, '.data', 'pid'), 'utf8')), 'SIGKILL');
  await second.ended();
  const third = npmStart(clone, env);
  say(`the start after kill -9 took ${seconds(await third.running())}`);
  await expectGrace();
  await stop(third);
}

/** Runs a document's blocks of commands in order, or those that `wanted` selects. */
async function follow(file: string, start: Start, wanted: (paste: Paste) => boolean = () => true): Promise<void> {
  const pastes = commandsOf(await readFile(path.join(clone, file), 'utf8')).filter(wanted);
  for (const { line, answer } of pastes.filter(isStart)) {
    const missing = missingLine(answer?.text ?? '', start.output());
    expect(missing === undefined, `${file}:${line}: ${JSON.stringify(missing)} is missing. ${start.lastLines()}`);
  }
  const others = pastes.filter((paste) => !isStart(paste));
  await pasteAll(file, others, clone, env);
  say(`${file}: ${pastes.length} commands have the documented output`);
}

function isStart({ commands }: Paste): boolean {
  return commands.trim() === 'npm start';
}

/** Presses Ctrl-C and checks that no process and no open port is left. */
async function stop(start: Start, what = 'npm start'): Promise<void> {
  const { code, signal, took } = await start.interrupt();
  // npm waits for its script, then ends by the signal.
  expect(code === 0 || signal === 'SIGINT', `Ctrl-C ended ${what} with ${code ?? signal}. ${start.lastLines()}`);
  const left = await leftAfter(1_000);
  expect(left.length === 0, `left after Ctrl-C:\n${left.join('\n')}`);
  say(`Ctrl-C ends ${what} in ${seconds(took)}; no process and no open port is left`);
}

/** Lists the processes and ports of the clone that are still in use after at most `ms`. */
async function leftAfter(ms: number): Promise<string[]> {
  const deadline = Date.now() + ms;
  for (;;) {
    const processes = processesOf(clone).map(({ pid, command }) => `process ${pid}, ${command}`);
    const left = [...processes, ...(await takenPorts()).map((port) => `port ${port}`)];
    if (left.length === 0 || Date.now() > deadline) return left;
    await delay(20);
  }
}

/** Checks that the account of README.md's commands can sign in. */
async function expectGrace(): Promise<void> {
  const answer = await fetch('http://localhost:8080/api/v1/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'grace@example.com', password: 'correct horse battery' }),
  });
  expect(answer.status === 200, `the account of README.md can no longer sign in: ${await answer.text()}`);
}

/** Ends processes that still run in the clone after a failure, and deletes its files. */
async function clearAway(): Promise<void> {
  for (const { pid } of processesOf(clone)) process.kill(pid, 'SIGTERM');
  const left = await leftAfter(15_000);
  if (left.length > 0) {
    console.error(`smoke: these are left, and the files in ${folder}:\n${left.join('\n')}`);
    return;
  }
  for (const dir of [distantHome(clone), folder]) if (dir) await rm(dir, { recursive: true, force: true });
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function say(text: string): void {
  console.log(`smoke: ${text}`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
