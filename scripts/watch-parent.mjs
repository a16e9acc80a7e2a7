// Loaded before the program that run.mjs starts. Descriptor 3 is a pipe from
// run.mjs; it ends when run.mjs does, kill -9 included, and the program is then
// asked to drain as if by a SIGTERM. The variable tells a program of run.mjs from
// that program's own children, which inherit flags but not the pipe.
import { Socket } from 'node:net';

if (process.env.SIGNET_PARENT_PIPE === String(process.ppid)) {
  delete process.env.SIGNET_PARENT_PIPE;
  const pipe = new Socket({ fd: 3 });
  pipe.unref();
  pipe.on('error', () => {});
  pipe.on('close', () => process.kill(process.pid, 'SIGTERM'));
  pipe.resume();
}
