import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import path from 'node:path';
import { expect, test } from 'vitest';
import { childEnvironment } from '#kit/testing/child.ts';
import { readHash } from '../password-hash.ts';

test('a costly check leaves the event loop free', async () => {
  const read = readHash(`$6$rounds=300000$saltsalt$${'.'.repeat(86)}`);
  // Starts the worker.
  await readHash(`$6$saltsalt$${'.'.repeat(86)}`)?.verify('a password');
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpu = process.cpuUsage();
  delay.enable();
  const began = performance.now();
  expect(await read?.verify('a password')).toBe(false);
  const took = performance.now() - began;
  delay.disable();
  // The check takes the CPU time of its loop, and the longest pause of the event loop is a part of that.
  const { user } = process.cpuUsage(cpu);
  expect(user / 1_000).toBeGreaterThan(50);
  expect(delay.max / 1e6).toBeLessThan(Math.max(took / 2, 50));
});

test('idle workers do not keep a process alive', async () => {
  const module = path.resolve(import.meta.dirname, '../password-hash.ts');
  const script = `
    import { readHash } from ${JSON.stringify(module)};
    console.log(await readHash('$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0').verify('test12345'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: path.resolve(import.meta.dirname, '../../..'),
    env: childEnvironment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const began = performance.now();
  const output = Array.fromAsync(child.stdout as AsyncIterable<Buffer>);
  const [code] = (await once(child, 'exit')) as [number];
  expect([code, Buffer.concat(await output).toString()]).toEqual([0, 'true\n']);
  // A worker waits 30 s for another check.
  expect(performance.now() - began).toBeLessThan(20_000);
});
