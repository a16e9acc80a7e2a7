import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { DataDirLockedError, lockDataDir } from './lock.ts';

let dir: string;

beforeEach(async () => {
  dir = path.join(await mkdtemp(path.join(tmpdir(), 'lock-')), 'with a space');
});

afterEach(async () => {
  await rm(path.dirname(dir), { recursive: true });
});

/** A process that tries to lock, prints the result, and keeps the lock. */
function contender() {
  const module = new URL('lock.ts', import.meta.url).href;
  const code = `
    const { lockDataDir } = await import(${JSON.stringify(module)});
    try {
      lockDataDir(${JSON.stringify(dir)});
      console.log('won');
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.name + ' ' + error.pid);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const answer = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
  return { child, answer, output };
}

test('refuses a second process, with the pid of the first', () => {
  const lock = lockDataDir(dir);
  expect(() => lockDataDir(dir)).toThrow(DataDirLockedError);
  expect(() => lockDataDir(dir)).toThrow(`process ${process.pid}`);
  lock.release();
  lock.release();
  lockDataDir(dir).release();
});

test("creates the directory, which the server's user can traverse but not list", async () => {
  lockDataDir(dir).release();
  expect((await stat(dir)).mode & 0o777).toBe(0o711);
});

test('exactly one of ten processes gets the lock, without other output', async () => {
  const all = Array.from({ length: 10 }, () => contender());
  const answers = await Promise.all(all.map(({ answer }) => answer));
  expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
  const winner = all[answers.indexOf('won')]?.child.pid;
  const losers = answers.filter((answer) => answer !== 'won');
  // The winner may not have written its pid yet.
  for (const answer of losers) expect(answer).toMatch(new RegExp(`^DataDirLockedError (${winner}|undefined)$`));
  expect(all.flatMap(({ output }) => output)).toEqual([]);
});

test('is released when its process ends, even by kill -9', async () => {
  const { child, answer } = contender();
  expect(await answer).toBe('won');
  expect(() => lockDataDir(dir)).toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  lockDataDir(dir).release();
});
