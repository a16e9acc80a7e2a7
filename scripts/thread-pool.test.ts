import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { nodeFlags } from './node-flags.mjs';
import { threadPoolSize } from './thread-pool.mjs';

test.each([
  [1, 7],
  [2, 8],
  [16, 22],
  [1_018, 1_024],
  [1_019, 1_024],
])('%i cores get a pool of %i threads', (cores, size) => {
  expect(threadPoolSize(cores)).toBe(size);
});

/** Starts more tasks than threads, and prints the number of the pool's threads. */
const program = `
  const { pbkdf2 } = require('node:crypto');
  const { readdirSync, readFileSync } = require('node:fs');
  let left = 64;
  for (let n = left; n > 0; n--) pbkdf2('a', 'b', 1, 32, 'sha256', () => {
    if ((left -= 1) > 0) return;
    const names = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8'));
    console.log(names.filter((name) => name.startsWith('libuv-worker')).length);
  });`;

async function threads(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<number> {
  const { UV_THREADPOOL_SIZE: _, NODE_OPTIONS: __, ...own } = process.env;
  const env = { ...own, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--eval', program], { env });
  return Number(stdout);
}

test.skipIf(process.platform !== 'linux')("a process with Node's flags of Signet has that many threads", async () => {
  expect(await threads(nodeFlags)).toBe(threadPoolSize());
  expect(await threads(nodeFlags, { UV_THREADPOOL_SIZE: '3' })).toBe(3);
  expect(await threads([])).toBe(4);
});

test('the image has the same flag', async () => {
  const dockerfile = await readFile(new URL('../deploy/Dockerfile', import.meta.url), 'utf8');
  const [, entry = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
  expect(JSON.parse(entry)).toContain('./scripts/size-thread-pool.mjs');
  expect(dockerfile).not.toContain('UV_THREADPOOL_SIZE');
});
