// node scripts/run.mjs <file> [args]: sets up what is missing, then runs a file
// with the pinned Node, TypeScript as it is. Plain JavaScript that Node 18
// understands.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeFlags } from './node-flags.mjs';
import { fail, pinnedNode, root, setup } from './setup.mjs';
import { watchLauncher } from './watch-launcher.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) fail(new Error('usage: node scripts/run.mjs <file> [args]'));

/** Set once the program runs; until then a signal simply ends us, and the set-up with us. */
let child;
/** How often the program was asked to end, and when. */
let asked = 0;
let askedAt = -Infinity;

/**
 * Signals that come within so short a time are one request, ms: of a terminal that closes, the kernel and the shell
 * both tell, and the program does not wait once it is asked twice.
 */
const together = 500;

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

function ask(signal) {
  if (!child) process.exit(128 + numbers[signal]);
  const now = performance.now();
  if (now - askedAt < together) return;
  askedAt = now;
  asked += 1;
  // The third request does not wait.
  child.kill(asked < 3 ? signal : 'SIGKILL');
}

for (const signal of Object.keys(numbers)) process.on(signal, () => ask(signal));
watchLauncher(() => {
  if (asked === 0) ask('SIGTERM');
});

try {
  await setup();
} catch (error) {
  fail(error);
}

const watchParent = fileURLToPath(new URL('watch-parent.mjs', import.meta.url));
child = spawn(
  pinnedNode,
  [...nodeFlags, '--import', pathToFileURL(watchParent).href, path.resolve(root, file), ...args],
  {
    cwd: root,
    // A process group of its own: a Ctrl-C in the terminal comes to us alone, and
    // the program gets each signal once, from us.
    detached: process.platform !== 'win32',
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: {
      ...process.env,
      PATH: [path.join(root, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
      // Password hashes and signatures share this pool, and hashes must never fill it.
      UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '8',
      // A start loads 800 files: compiled once, they take a third less time.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || path.join(root, 'node_modules', '.cache', 'node'),
      SIGNET_PARENT_PIPE: String(process.pid),
    },
  },
);
child.on('error', fail);
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  // Ended by a signal: so are we, that whoever started us sees the same.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
