import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ports, processesOf, takenPorts } from './leftovers.ts';

test.runIf(process.platform === 'linux')(
  'finds a process with a working directory below a folder, until it has ended',
  async () => {
    const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'left-')));
    onTestFinished(() => rm(folder, { recursive: true }));
    const below = path.join(folder, 'deep', 'down');
    await mkdir(below, { recursive: true });
    const child = spawn('sleep', ['60'], { cwd: below });
    await once(child, 'spawn');
    expect(processesOf(folder)).toEqual([{ pid: child.pid, command: 'sleep 60' }]);
    expect(processesOf(`${folder}/dee`)).toEqual([]);
    child.kill();
    await once(child, 'close');
    expect(processesOf(folder)).toEqual([]);
  },
);

test('lists the ports in use', async () => {
  const before = await takenPorts();
  const free = ports.find((port) => !before.includes(port));
  const server = createServer().listen(free, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  expect(await takenPorts()).toEqual(ports.filter((port) => before.includes(port) || port === free));
});
