import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { temporaryFolders } from '#kit/db/embedded/home.ts';
import { lockDataDir } from '#kit/db/lock.ts';
import { portKeys } from '../starts.ts';

/** `npm start` as a user runs it. scripts/signals.test.ts tests every signal with a smaller program. */

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(temporaryFolders()[0] ?? tmpdir(), 'signet-npm-'));
  await chmod(dataDir, 0o711);
});
afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

/** Starts the script. Returns the pids of the outermost process and of the program, and the port of the edge. */
async function npmStart(script: string, terminal = false) {
  const command = ['npm', 'run', script, '--silent'];
  const [file = '', ...args] = terminal ? ['script', '-qefc', `exec ${command.join(' ')}`, '/dev/null'] : command;
  const child = spawn(file, args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: {
      ...process.env,
      SIGNET_DATA_DIR: dataDir,
      // With a closed terminal, every write of a line fails.
      SIGNET_LOG_LEVEL: 'debug',
      ...Object.fromEntries(portKeys.map((key) => [key, '0'])),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  await expect.poll(() => output).toContain('--list-methods');
  const program = Number(readFileSync(path.join(dataDir, 'pid'), 'utf8'));
  onTestFinished(() => {
    if (isAlive(program)) process.kill(program, 'SIGKILL');
  });
  return { outer: child.pid ?? 0, program, edge: Number(/edge\s+http:\/\/localhost:(\d+)/.exec(output)?.[1]) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function expectNothingLeft(program: number): Promise<void> {
  await expect.poll(() => isAlive(program)).toBe(false);
  lockDataDir(dataDir).release();
  const data = path.join(dataDir, 'postgres', 'cluster', 'data');
  expect([existsSync(path.join(data, 'PG_VERSION')), existsSync(path.join(data, 'postmaster.pid'))]).toEqual([
    true,
    false,
  ]);
}

test.each([
  ['start', 'SIGTERM'],
  ['start', 'SIGKILL'],
  ['start', 'SIGHUP'],
  ['fleet', 'SIGTERM'],
  ['fleet', 'SIGKILL'],
] as const)(
  'npm run %s: %s to npm stops the server and its PostgreSQL and releases the lock of the data directory',
  async (script, signal) => {
    const { outer: npm, program } = await npmStart(script);
    expect(() => lockDataDir(dataDir)).toThrow(`process ${program}`);
    process.kill(npm, signal);
    await expectNothingLeft(program);
  },
);

test.runIf(process.platform === 'linux')(
  'when the terminal closes, the call in progress gets its response and no process is left',
  async () => {
    const { outer: terminal, program, edge } = await npmStart('start', true);
    const body = JSON.stringify({ email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' });
    const headers = { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' };
    const call = request({ port: edge, path: '/api/v1/auth/register', method: 'POST', headers, agent: false });
    const answered = once(call, 'response');
    call.flushHeaders();
    await once(call, 'continue');
    process.kill(terminal, 'SIGKILL');
    // Draining has started: the port accepts no new requests.
    const refused = () =>
      fetch(`http://127.0.0.1:${edge}/health`).then(
        ({ status }) => status !== 200,
        () => true,
      );
    await expect.poll(refused, { interval: 10 }).toBe(true);
    call.end(body);
    const [answer] = (await answered) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(201);
    await expectNothingLeft(program);
  },
);
