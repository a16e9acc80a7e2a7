import { fileURLToPath } from 'node:url';

/** Node's flags for `npm start` and the processes of `npm run fleet`. */
export const nodeFlags = [
  '--disable-warning=ExperimentalWarning',
  // Most objects of a call are garbage before a semi-space of this size (MiB) is full: of 4 MiB, a quarter more CPU.
  '--max-semi-space-size=16',
  '--require',
  fileURLToPath(new URL('size-thread-pool.mjs', import.meta.url)),
];
