import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { threadPoolSize } from './thread-pool.mjs';

const run = fileURLToPath(new URL('run.mjs', import.meta.url));
let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'run-'));
  program = path.join(folder, 'program.ts');
  // Prints its pid and its signals, and drains briefly on the first signal.
  await writeFile(
    program,
    `let asked: string[] = [];
    const drain = (signal: string) => {
      if (asked.push(signal) === 1 && process.argv[2] !== 'stubborn') {
        setTimeout(() => { console.log('drained ' + asked.join()); process.exit(7); }, 100);
      }
      console.log('asked ' + signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, drain);
    setInterval(() => {}, 1000);
    console.log('pid ' + process.pid + ' pool ' + process.env['UV_THREADPOOL_SIZE'] + ' node ' + process.version);`,
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Whether a process runs. A zombie does not count. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Starts run.mjs as the leader of a process group, as a terminal does, and waits for its program. */
async function start(args: string[], env: Record<string, string> = {}) {
  const parent = spawn(process.execPath, [run, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  const reader = createInterface(parent.stdout);
  reader.on('line', (line) => lines.push(line));
  const ended = once(reader, 'close');
  await once(reader, 'line');
  const pid = Number(/^pid (\d+)/.exec(lines[0] ?? '')?.[1]);
  onTestFinished(() => {
    parent.kill('SIGKILL');
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return { parent, pid, lines, ended };
}

function exitOf(child: ChildProcess): Promise<unknown[]> {
  return once(child, 'exit');
}

test('runs TypeScript with the pinned Node and a pool sized by the cores', async () => {
  const { parent, lines, ended } = await start([program]);
  expect(lines[0]).toContain(`pool ${threadPoolSize()} node v24.`);
  parent.kill('SIGTERM');
  await ended;
});

test('keeps the size of the pool that the environment sets', async () => {
  const { parent, lines, ended } = await start([program], { UV_THREADPOOL_SIZE: '16' });
  expect(lines[0]).toContain('pool 16');
  parent.kill('SIGTERM');
  await ended;
});

describe('drains the program and leaves no process behind', () => {
  test('on SIGTERM to the parent only; passes on the exit code', async () => {
    const { parent, pid, lines, ended } = await start([program]);
    const exit = exitOf(parent);
    parent.kill('SIGTERM');
    expect(await exit).toEqual([7, null]);
    await ended;
    expect(lines).toContain('drained SIGTERM');
    expect(isAlive(pid)).toBe(false);
  });

  test('on Ctrl-C to the whole process group; the program gets one signal', async () => {
    const { parent, pid, lines, ended } = await start([program]);
    const exit = exitOf(parent);
    process.kill(-(parent.pid ?? 0), 'SIGINT');
    expect(await exit).toEqual([7, null]);
    await ended;
    expect(lines).toContain('drained SIGINT');
    expect(isAlive(pid)).toBe(false);
  });

  test('on SIGKILL of the parent', async () => {
    const { parent, pid, lines, ended } = await start([program]);
    parent.kill('SIGKILL');
    await ended;
    expect(lines).toContain('drained SIGTERM');
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  test('on the third request, if it ignores the others', async () => {
    const { parent, pid, lines, ended } = await start([program, 'stubborn']);
    const exit = exitOf(parent);
    for (const count of [1, 2]) {
      parent.kill('SIGTERM');
      await expect.poll(() => lines.filter((line) => line === 'asked SIGTERM').length, { interval: 5 }).toBe(count);
      // Earlier signals count as the same request.
      await delay(600);
    }
    parent.kill('SIGTERM');
    expect(await exit).toEqual([null, 'SIGKILL']);
    await ended;
    expect(isAlive(pid)).toBe(false);
  });
});

test('passes on the exit code and the signal of the program', async () => {
  const script = path.join(folder, 'ends.mjs');
  await writeFile(script, `process.argv[2] === 'kill' ? process.kill(process.pid, 'SIGTERM') : process.exit(3)`);
  const code = exitOf(spawn(process.execPath, [run, script], { stdio: 'ignore' }));
  const signal = exitOf(spawn(process.execPath, [run, script, 'kill'], { stdio: 'ignore' }));
  expect(await code).toEqual([3, null]);
  expect(await signal).toEqual([null, 'SIGTERM']);
});

test('prints the usage without a file', async () => {
  const child = spawn(process.execPath, [run], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [line] = (await once(createInterface(child.stderr), 'line')) as [string];
  expect(line).toContain('usage: node scripts/run.mjs <file> [args]');
});
