// Loaded before the program that run.mjs starts. Descriptor 3 is a pipe from
// run.mjs. It closes when run.mjs ends, also by kill -9; the program then receives
// SIGTERM and drains. The variable distinguishes the program from its children,
// which inherit the flags but not the pipe.
import { Socket } from 'node:net';

if (process.env.SIGNET_PARENT_PIPE === String(process.ppid)) {
  delete process.env.SIGNET_PARENT_PIPE;
  const pipe = new Socket({ fd: 3 });
  pipe.unref();
  pipe.on('error', () => {});
  pipe.on('close', () => process.kill(process.pid, 'SIGTERM'));
  pipe.resume();
}
