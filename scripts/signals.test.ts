import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';

/**
 * Effect of each signal on each process of `npm start`, with and without a terminal: the table in docs/operating.md,
 * "Stopping". The processes are npm, the shell in which npm runs the script, run.mjs, and a test program that records
 * its signals. Reads /proc.
 */

const run = fileURLToPath(new URL('run.mjs', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signals-'));
  await writeFile(
    path.join(folder, 'program.ts'),
    `import { appendFileSync } from 'node:fs';
    const say = (text: string) => appendFileSync(process.argv[2]!, text + '\\n');
    let asked = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {
      say('asked ' + signal);
      if (asked++ === 0) setTimeout(() => { say('drained'); process.exit(0); }, 700);
    });
    setInterval(() => {}, 1000);
    say(process.pid + ' ' + process.ppid);`,
  );
  const script = `node ${run} ${path.join(folder, 'program.ts')}`;
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'x', scripts: { start: script } }));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Process {
  readonly parent: number;
  readonly group: number;
  readonly name: string;
}

/** A running process; undefined if it has ended, including zombies. */
function processOf(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent, group] = stat.replace(/^.*\) /s, '').split(' ');
    return state === 'Z'
      ? undefined
      : { parent: Number(parent), group: Number(group), name: /\((.*)\)/s.exec(stat)![1]! };
  } catch {
    return undefined;
  }
}

/** Starts `npm start` and waits for its program. With a terminal, npm leads the terminal's session. */
async function start(terminal: boolean, context: Pick<TestContext, 'expect' | 'onTestFinished'>) {
  const file = path.join(folder, `said-${Math.random().toString(16).slice(2)}`);
  const command = ['npm', 'start', '--silent', '--', file];
  const options = { cwd: folder, detached: true, stdio: ['pipe', 'ignore', 'ignore'] as ['pipe', 'ignore', 'ignore'] };
  const outer: ChildProcess = terminal
    ? spawn('script', ['-qefc', `exec ${command.join(' ')}`, '/dev/null'], options)
    : spawn(command[0]!, command.slice(1), options);
  // Complete lines only: the file exists before its first line does.
  const recorded = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);
  await context.expect.poll(() => recorded().length).toBe(1);
  const [program = 0, runner = 0] = recorded()[0]!.split(' ').map(Number);
  // If the shell execs its last command, npm itself is the parent.
  const parent = processOf(runner)!.parent;
  const npm = processOf(parent)!.name.startsWith('npm') ? parent : processOf(parent)!.parent;
  const group = processOf(npm)!.group;
  const pids = { npm, shell: parent, 'run.mjs': runner, program };
  context.onTestFinished(() => {
    for (const pid of [program, runner, parent, npm]) if (processOf(pid)) process.kill(pid, 'SIGKILL');
    outer.kill('SIGKILL');
  });
  return { context, outer, pids, targets: { ...pids, 'the group': -group }, recorded: () => recorded().slice(1) };
}

type Started = Awaited<ReturnType<typeof start>>;

async function expectGone({ context, pids }: Started): Promise<void> {
  const left = () => Object.entries(pids).filter(([, pid]) => processOf(pid) !== undefined);
  await context.expect.poll(left).toEqual([]);
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const;

describe.runIf(process.platform === 'linux').each([
  ['without a terminal', false],
  ['with a terminal', true],
])('%s', (_, terminal) => {
  const targets = ['npm', 'shell', 'run.mjs', 'the group'] as const;
  const cases = targets.flatMap((target) => signals.map((signal) => [signal, target] as const));
  // npm forwards SIGINT to its shell, and a shell that waits for a command ignores SIGINT.
  const ignored = cases.filter(([signal, target]) => signal === 'SIGINT' && (target === 'npm' || target === 'shell'));
  const draining = cases.filter((one) => !ignored.includes(one));

  test.concurrent.for(draining)(
    '%s to %s drains the program once, and leaves no process',
    async ([signal, target], context) => {
      const started = await start(terminal, context);
      process.kill(started.targets[target], signal);
      await expectGone(started);
      expect(started.recorded()).toEqual([expect.stringMatching(/^asked SIG(INT|TERM|HUP)$/), 'drained']);
    },
  );

  test.concurrent.for(ignored)(
    '%s to %s only has no effect, or drains; no process is left without npm',
    async ([signal, target], context) => {
      const started = await start(terminal, context);
      process.kill(started.targets[target], signal);
      await delay(1_500);
      const { npm, program } = started.pids;
      expect(processOf(npm) !== undefined || processOf(program) === undefined).toBe(true);
      if (processOf(npm)) process.kill(npm, 'SIGTERM');
      await expectGone(started);
      expect(started.recorded().at(-1)).toBe('drained');
    },
  );
});

test.runIf(process.platform === 'linux')('Ctrl-C drains the program once', async (context) => {
  const started = await start(true, context);
  started.outer.stdin!.write('\u0003');
  await expectGone(started);
  expect(started.recorded()).toEqual(['asked SIGINT', 'drained']);
});

test.runIf(process.platform === 'linux')('a closing terminal drains the program once', async (context) => {
  const started = await start(true, context);
  const gone = once(started.outer, 'exit');
  started.outer.kill('SIGKILL');
  await gone;
  await expectGone(started);
  expect(started.recorded()).toEqual(['asked SIGHUP', 'drained']);
});
