import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { system } from '../audit/rules/events.ts';
import type { KeyStore } from './rules/keys.ts';
import type { StoredKey } from './rules/signing-key.ts';
import { createKeyStore } from './store.ts';

let fresh: FreshDatabase;
let database: Database;
let store: KeyStore;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'keys-test', log: silentLog });
  store = createKeyStore(new PrismaClient({ adapter: database.adapter }));
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

function newKey(): StoredKey {
  const kid = randomBytes(16).toString('base64url');
  return { kid, alg: 'ES256', publicJwk: { kty: 'EC', kid }, sealedPrivate: new Uint8Array(randomBytes(8)) };
}

test('a rotation concurrent with the revocation of the active key: both succeed and one key is active', async () => {
  await store.activate(newKey(), undefined, system);
  for (let round = 0; round < 60; round++) {
    await store.insertPending(newKey(), system);
    const before = await store.findActive();
    const [, revoked] = await Promise.all([
      store.promotePending(0, system),
      store.revoke(before?.kid ?? '', newKey(), system),
    ]);
    expect(revoked).toBe(true);
    expect((await store.find(before?.kid ?? ''))?.state).toBe('revoked');
    expect(await store.findActive()).toBeDefined();
  }
});
