import { hash as digestOf, timingSafeEqual } from 'node:crypto';
import { encode64 } from './itoa64.ts';

type Digest = 'sha256' | 'sha512';

/** Order of the digest's bytes in the encoded hash. The last group is shorter. */
const orders: Readonly<Record<Digest, readonly (readonly number[])[]>> = {
  sha256: [...rotated(10, 21, 30), [31, 30]],
  sha512: [...rotated(21, 22, 63), [63]],
};

/** Whether a password matches a complete hash of SHA-crypt, `$5$` or `$6$` (akkadia.org/drepper/SHA-crypt.txt). */
export function matchesShaCrypt(hash: string, password: string): boolean {
  const [, kind, ...parts] = hash.split('$');
  const rounds = parts[0]?.startsWith('rounds=') ? Number(parts.shift()?.slice('rounds='.length)) : 5_000;
  const [salt = '', given = ''] = parts;
  const digest = kind === '5' ? 'sha256' : 'sha512';
  const output = shaCrypt(digest, Buffer.from(password), Buffer.from(salt), rounds);
  const text = orders[digest].map((group) => encode64(group.map((at) => output[at] ?? 0))).join('');
  return text.length === given.length && timingSafeEqual(Buffer.from(text), Buffer.from(given));
}

/** The algorithm; the names of the variables are those of the specification, the numbers its steps. */
function shaCrypt(digest: Digest, key: Buffer, salt: Buffer, rounds: number): Buffer {
  const hash = (...parts: readonly Buffer[]) => digestOf(digest, Buffer.concat(parts), 'buffer');
  // 4 to 8
  const b = hash(key, salt, key);
  // 1 to 3 and 9 to 12
  const bits = key.length.toString(2).split('').toReversed();
  let a = hash(
    key,
    salt,
    repeated(b, key.length),
    ...(key.length === 0 ? [] : bits.map((bit) => (bit === '1' ? b : key))),
  );
  // 13 to 20
  const p = repeated(hash(...Array.from({ length: key.length }, () => key)), key.length);
  const s = repeated(hash(...Array.from({ length: 16 + (a[0] ?? 0) }, () => salt)), salt.length);
  // 21
  for (let round = 0; round < rounds; round += 1) {
    const isOdd = round % 2 === 1;
    const parts = [isOdd ? p : a];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(isOdd ? a : p);
    a = hash(...parts);
  }
  return a;
}

/** Repeats bytes up to a length. */
function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

/** Groups (n, n + step, n + 2 * step) modulo `modulus`, each rotated by one more place: the order of step 22. */
function rotated(step: number, advance: number, modulus: number): number[][] {
  const groups: number[][] = [];
  let at = 0;
  for (let count = 0; count < modulus / 3; count += 1) {
    groups.push([at % modulus, (at + step) % modulus, (at + 2 * step) % modulus]);
    at = (at + advance) % modulus;
  }
  return groups;
}
