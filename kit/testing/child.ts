import { fileURLToPath } from 'node:url';

/**
 * The environment that child processes of tests start from. They load the same files again and again: Node keeps them
 * compiled, where scripts/run.mjs has it keep them.
 */
export const childEnvironment = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE:
    process.env['NODE_COMPILE_CACHE'] ?? fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url)),
};
