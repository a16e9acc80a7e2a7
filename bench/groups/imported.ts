import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import { keys } from '../../services/auth/config.ts';
import { createHasher } from '../../services/auth/passwords/rules/hasher.ts';
import { median } from '../measure/ratios.ts';
import type { Facts } from './bench.ts';

const rounds = 31;
/** A salt, or the output of a key derivation that no password has: 32 bytes in base64. */
const bytes = Buffer.alloc(32, 7).toString('base64').replace('=', '');

/**
 * Measures the check of a wrong password by kind of hash: the timing difference that reveals imported accounts which
 * have not signed in since the import (docs/importing.md).
 */
export async function imported(): Promise<Facts> {
  const [memory, passes] = [Number(keys.argon2Memory.default), Number(keys.argon2Passes.default)];
  const hasher = await createHasher({ memory, passes, queue: 1, threadPool: 4, cores: 2 });
  const kinds: readonly { readonly name: string; readonly hash: string | undefined }[] = [
    { name: 'unknown account', hash: undefined },
    { name: "Signet's own hash", hash: await hasher.hash('the password') },
    { name: 'Argon2id m=4096 t=3', hash: await argon2id(4_096, 3) },
    { name: 'Argon2id m=12288 t=3', hash: await argon2id(12_288, 3) },
    { name: 'Argon2id m=65536 t=3', hash: await argon2id(65_536, 3) },
    ...(await Promise.all(
      [4, 8, 10, 12].map(async (cost) => ({
        name: `bcrypt, cost ${cost}`,
        hash: await bcrypt.hash('the password', { cost }),
      })),
    )),
    { name: 'PBKDF2-SHA-256, 27500 iterations', hash: `$pbkdf2-sha256$i=27500$${bytes}$${bytes}` },
    { name: 'PBKDF2-SHA-512, 210000 iterations', hash: `$pbkdf2-sha512$i=210000$${bytes}$${bytes}` },
    { name: 'PBKDF2-SHA-256, 1200000 iterations', hash: `$pbkdf2-sha256$i=1200000$${bytes}$${bytes}` },
    { name: "Firebase's scrypt, mem_cost 14", hash: `$firebase-scrypt$ln=14,r=8,p=1$${bytes}$${bytes}` },
    { name: 'better-auth scrypt, N=16384 r=16', hash: `$scrypt$ln=14,r=16,p=1$${bytes}$${bytes}` },
    { name: 'phpass, 2^13 iterations', hash: '$P$BIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0' },
    { name: 'SHA-512-crypt, 5000 rounds', hash: `$6$saltsalt$${'.'.repeat(86)}` },
    { name: 'SHA-512-crypt, 656000 rounds', hash: `$6$rounds=656000$saltsalt$${'.'.repeat(86)}` },
  ];
  const times = new Map(kinds.map(({ name }) => [name, [] as number[]]));
  // Each round measures all kinds, so that a busy moment affects all of them.
  for (let round = 0; round < rounds; round++) {
    for (const { name, hash } of kinds) {
      const began = performance.now();
      if (await hasher.verify(hash, 'a wrong one')) throw new Error('a wrong password matched');
      times.get(name)?.push(performance.now() - began);
    }
  }
  return {
    title: `Checking a wrong password, by the hash of the account: median of ${rounds}`,
    facts: Array.from(times, ([name, values]) => ({ name, value: median(values), unit: 'ms' })),
  };
}

/** An Argon2id hash with the parameters of another system. */
function argon2id(memoryCost: number, timeCost: number): Promise<string> {
  return argon2.hash('the password', { memoryCost, timeCost, parallelism: 1 });
}
