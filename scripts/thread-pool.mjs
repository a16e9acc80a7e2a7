import { availableParallelism } from 'node:os';

/** Threads beside one per core: for signatures, DNS and files while every core hashes a password. */
const spare = 6;

/** libuv's maximum. */
const most = 1_024;

/**
 * Returns the size of libuv's thread pool for a number of cores.
 * @param {number} [cores] by default those that the process may use (affinity, and the CPU limit of its container)
 */
export function threadPoolSize(cores = availableParallelism()) {
  return Math.min(cores + spare, most);
}
