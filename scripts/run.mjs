// node scripts/run.mjs <file> [args]: sets up what is missing, then runs a
// TypeScript file with the pinned Node. Plain JavaScript for Node 18.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeFlags } from './node-flags.mjs';
import { fail, pinnedNode, root, setup } from './setup.mjs';
import { watchLauncher } from './watch-launcher.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) fail(new Error('usage: node scripts/run.mjs <file> [args]'));

/** Set when the program runs. Before that, a signal ends this process and the set-up. */
let child;
/** Number and time of requests to end the program. */
let requests = 0;
let requestedAt = -Infinity;

/**
 * Signals within this time count as one request, ms. When a terminal closes, both the kernel and the shell send a
 * signal, and a second request would end the program without draining.
 */
const sameRequest = 500;

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

function requestEnd(signal) {
  if (!child) process.exit(128 + numbers[signal]);
  const now = performance.now();
  if (now - requestedAt < sameRequest) return;
  requestedAt = now;
  requests += 1;
  // The third request kills the program.
  child.kill(requests < 3 ? signal : 'SIGKILL');
}

for (const signal of Object.keys(numbers)) process.on(signal, () => requestEnd(signal));
watchLauncher(() => {
  if (requests === 0) requestEnd('SIGTERM');
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
    // A separate process group: the terminal sends Ctrl-C only to this process,
    // which forwards each signal once.
    detached: process.platform !== 'win32',
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: {
      ...process.env,
      PATH: [path.join(root, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
      // A start loads 800 files: compiled once, they take a third less time.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || path.join(root, 'node_modules', '.cache', 'node'),
      SIGNET_PARENT_PIPE: String(process.pid),
    },
  },
);
child.on('error', fail);
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  // Ends this process by the same signal, so that the parent sees it.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
