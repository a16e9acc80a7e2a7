import { randomBytes } from 'node:crypto';

let pool = Buffer.alloc(0);
let used = 0;

/**
 * Random bytes for ids, from a pool: asking the system for sixteen at a time
 * costs fifteen times as much. Not for secrets: a pool is memory that stays.
 */
export function randomPart(size: number): Buffer {
  if (used + size > pool.length) {
    pool = randomBytes(4_096);
    used = 0;
  }
  used += size;
  return pool.subarray(used - size, used);
}
