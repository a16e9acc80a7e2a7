import { matchesPhpass } from './phpass.ts';
import type { IteratedCheck } from './pool.ts';
import { matchesShaCrypt } from './sha-crypt.ts';

/** The entry point of a worker thread: whether the password matches the hash, which is complete. */
export default function check({ algorithm, hash, password }: IteratedCheck): boolean {
  return algorithm === 'phpass' ? matchesPhpass(hash, password) : matchesShaCrypt(hash, password);
}
