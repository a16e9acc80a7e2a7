import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { withSetupLock } from './setup-lock.mjs';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'setup-lock-'));
  file = path.join(folder, 'lock');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A process that appends `in` and `out` to a journal while it holds the lock; with `stay` it never releases it. */
function holder(mode: 'pass' | 'stay') {
  const code = `
    const { withSetupLock } = await import(${JSON.stringify(new URL('setup-lock.mjs', import.meta.url).href)});
    const { appendFileSync } = await import('node:fs');
    const { setTimeout } = await import('node:timers/promises');
    const journal = ${JSON.stringify(path.join(folder, 'journal'))};
    await withSetupLock(${JSON.stringify(file)}, async () => {
      appendFileSync(journal, 'in\\n');
      console.log('in');
      await setTimeout(${mode === 'stay' ? 600_000 : 30});
      appendFileSync(journal, 'out\\n');
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const journal = () => readFileSync(path.join(folder, 'journal'), 'utf8').trim().split('\n');

test('admits one process at a time and leaves no file', async () => {
  const all = Array.from({ length: 6 }, () => holder('pass'));
  await Promise.all(all.map((child) => once(child, 'exit')));
  expect(journal()).toEqual(Array.from({ length: 6 }, () => ['in', 'out']).flat());
  expect(readdirSync(folder)).toEqual(['journal']);
});

test('reports once that it waits', async () => {
  const said: string[] = [];
  const child = holder('stay');
  await once(createInterface(child.stdout), 'line');
  const waiting = withSetupLock(
    file,
    async () => void said.push('in'),
    () => {
      said.push('waiting');
      child.kill('SIGKILL');
    },
  );
  await waiting;
  expect(said).toEqual(['waiting', 'in']);
});

test('passes the lock of a killed holder to one of many waiters', async () => {
  const dead = holder('stay');
  await once(createInterface(dead.stdout), 'line');
  const all = Array.from({ length: 6 }, () => holder('pass'));
  dead.kill('SIGKILL');
  await Promise.all(all.map((child) => once(child, 'exit')));
  expect(journal()).toEqual(['in', ...Array.from({ length: 6 }, () => ['in', 'out']).flat()]);
  expect(readdirSync(folder)).toEqual(['journal']);
});

test('takes over a lock not touched for 15 s, although its pid is in use', async () => {
  await writeFile(file, `${process.pid} 0123456789abcdef`);
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
  utimesSync(file, ago(16), ago(16));
  let entered = false;
  await withSetupLock(file, async () => {
    entered = true;
  });
  expect(entered).toBe(true);
});

test('waits for a holder that touched the lock more recently', async () => {
  writeFileSync(file, `${process.pid} 0123456789abcdef`);
  const ago = new Date(Date.now() - 10_000);
  utimesSync(file, ago, ago);
  const order: string[] = [];
  await withSetupLock(
    file,
    async () => void order.push('in'),
    () => {
      order.push('waiting');
      expect(existsSync(file)).toBe(true);
      setTimeout(() => {
        rmSync(file);
        order.push('released');
      }, 300);
    },
  );
  expect(order).toEqual(['waiting', 'released', 'in']);
});

test('releases the lock when the work fails', async () => {
  const work = () => Promise.reject(new Error('no network'));
  await expect(withSetupLock(file, work)).rejects.toThrow('no network');
  expect(existsSync(file)).toBe(false);
});
