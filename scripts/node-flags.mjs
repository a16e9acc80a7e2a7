import { fileURLToPath } from 'node:url';

/** Node's flags for `npm start` and the processes of `npm run fleet`. */
export const nodeFlags = [
  '--disable-warning=ExperimentalWarning',
  // Shortens the pauses of young-generation garbage collections; nearly halved p99 under load.
  '--max-semi-space-size=4',
  '--require',
  fileURLToPath(new URL('size-thread-pool.mjs', import.meta.url)),
];
