import { ConnectError } from '@connectrpc/connect';
import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';
import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { faultOfHash } from '#kit/password-hash/password-hash.ts';
import { createHasher } from './hasher.ts';

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
const cost = { memory: 19_456, passes: 2, cores: 2 };

test('creates a PHC string with the configured parameters', async () => {
  const hasher = await createHasher({ ...cost, queue: 10, threadPool: 4 });
  const hash = await hasher.hash('a password');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await hasher.verify(hash, 'a password')).toBe(true);
  expect(await hasher.verify(hash, 'another')).toBe(false);
});

test('returns false without a hash, at the same cost', async () => {
  const hasher = await createHasher({ ...cost, queue: 10, threadPool: 4 });
  expect(await hasher.verify(undefined, 'no account has this password')).toBe(false);
});

test('checks a hash of every kind that can be imported', async () => {
  const hasher = await createHasher({ ...cost, queue: 10, threadPool: 4 });
  const hashes = [];
  for (const version of ['2a', '2b', '2y'] as const) {
    hashes.push(await bcrypt.hash('a password', { cost: 4, version }));
  }
  // Argon2 1.0 and 1.3, as the binding numbers them.
  for (const version of [0, 1]) {
    for (const parallelism of [1, 4, 16]) {
      const options = { memoryCost: 8 * parallelism, timeCost: 1, parallelism, version };
      hashes.push(await argon2.hash('a password', options));
    }
  }
  hashes.push(
    '$pbkdf2-sha256$i=1,l=32$c2FsdHNhbHQ$' + base64(pbkdf2Sync('a password', 'saltsalt', 1, 32, 'sha256')),
    '$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$' + base64(scryptSync('a password', 'saltsalt', 32, { N: 16, r: 1, p: 1 })),
    // openssl passwd -5
    '$5$openssl$vq1dWBKaEiLL2JgoMlDejI/sdAUy/tPqUdhFsVm.fZD',
  );
  expect(hashes.map(faultOfHash)).toEqual(hashes.map(() => undefined));
  for (const hash of hashes) {
    expect([hash, await hasher.verify(hash, 'a password')]).toEqual([hash, true]);
    expect([hash, await hasher.verify(hash, 'another')]).toEqual([hash, false]);
    expect(hasher.isOutdated(hash), 'every imported hash is replaced').toBe(true);
  }
});

test('runs imported checks of every kind in the queue that bounds hashing', async () => {
  const hasher = await createHasher({ ...cost, queue: 10, threadPool: 3 });
  const hashes = [
    '$pbkdf2-sha256$i=100000$c2FsdHNhbHQ$' + base64(Buffer.alloc(32)),
    '$scrypt$ln=13,r=8,p=1$c2FsdHNhbHQ$' + base64(Buffer.alloc(32)),
    `$6$rounds=20000$saltsalt$${'.'.repeat(86)}`,
    '$P$BIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0',
  ];
  const checks = hashes.map((hash) => hasher.verify(hash, 'a password'));
  await Promise.resolve();
  expect(hasher.load()).toEqual({ running: 1, waiting: 3 });
  expect(await Promise.all(checks)).toEqual([false, false, false, false]);
});

test('checks our own hashes, whatever the limits for imported ones are', async () => {
  const hasher = await createHasher({ ...cost, memory: 131_073, passes: 1, queue: 10, threadPool: 4 });
  const hash = await hasher.hash('a password');
  expect(faultOfHash(hash)?.reason).toBe('HASH_TOO_COSTLY');
  expect([await hasher.verify(hash, 'a password'), hasher.isOutdated(hash)]).toEqual([true, false]);
});

test('refuses further hashes when the queue is full, with Retry-After', async () => {
  const hasher = await createHasher({ ...cost, queue: 5, threadPool: 3 });
  const results = await Promise.allSettled(Array.from({ length: 7 }, () => hasher.hash('x')));
  expect(results.map(({ status }) => status)).toEqual([...Array(6).fill('fulfilled'), 'rejected']);
  const { reason } = results[6] as PromiseRejectedResult;
  expect(reasonOf(ConnectError.from(reason))).toBe('SERVER_BUSY');
  expect(Number(ConnectError.from(reason).metadata.get('retry-after'))).toBeGreaterThanOrEqual(1);
});

test('computes no hash for a caller that gave up while queued', async () => {
  const hasher = await createHasher({ ...cost, queue: 5, threadPool: 1 });
  const [first, second] = await Promise.allSettled([hasher.hash('x'), hasher.hash('x', AbortSignal.abort())]);
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
  expect(reasonOf((second as PromiseRejectedResult).reason)).toBe('CANCELLED');
});

test('accepts work again when the queue is empty', async () => {
  const hasher = await createHasher({ ...cost, queue: 0, threadPool: 1 });
  const results = await Promise.allSettled([hasher.hash('x'), hasher.hash('x')]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await expect(hasher.hash('x')).resolves.toContain('$argon2id$');
});
