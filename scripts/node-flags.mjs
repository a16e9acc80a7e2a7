import { fileURLToPath } from 'node:url';

/** Node's flags for `npm start` and the processes of `npm run fleet`. */
export const nodeFlags = [
  '--disable-warning=ExperimentalWarning',
  // MiB. Most objects of a call are garbage before such a semi-space is full; with 4 MiB, reads took a third more CPU.
  '--max-semi-space-size=16',
  '--require',
  fileURLToPath(new URL('size-thread-pool.mjs', import.meta.url)),
];
