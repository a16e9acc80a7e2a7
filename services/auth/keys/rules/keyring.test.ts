import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { openDatabase } from '#kit/db/database.ts';
import { localJwks } from '#kit/guard/jwks.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { system } from '../../audit/rules/events.ts';
import { createMasterKey } from '../../secrets/rules/master-key.ts';
import { createKeyStore, revokeAllKeys } from '../store.ts';
import { openKeyring } from './keyring.ts';

test('signs nothing with a revoked key while another one cannot be created', async () => {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, applicationName: 'keyring-test', log: silentLog });
  onTestFinished(async () => {
    await database.close();
    await fresh.drop();
  });
  const kept = createKeyStore(new PrismaClient({ adapter: database.adapter }));
  let isAway = false;
  const keyring = await openKeyring({
    store: {
      ...kept,
      activate: (...args) => (isAway ? Promise.reject(new Error('away')) : kept.activate(...args)),
    },
    master: createMasterKey(new Secret(randomBytes(32))),
    alg: 'ES256',
    sourceOf: localJwks,
    log: silentLog,
  });
  const { kid } = keyring.active();
  await revokeAllKeys(database.statements, system);
  isAway = true;
  await expect(keyring.reload()).rejects.toThrow('away');
  const refused = await Promise.try(keyring.active).catch(reasonOf);
  expect(refused).toBe('SERVICE_UNAVAILABLE');
  isAway = false;
  await keyring.reload();
  expect(keyring.active().kid).not.toBe(kid);
});
