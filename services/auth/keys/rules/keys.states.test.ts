import { Client } from 'pg';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { Secret } from '#kit/log/secret.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { system } from '../../audit/rules/events.ts';
import { createMasterKey } from '../../secrets/rules/master-key.ts';
import { createKeyStore } from '../store.ts';
import { importSigningKey } from './imported-key.ts';
import { createKeys, type Keys } from './keys.ts';
import { generateSigningKey } from './signing-key.ts';

const master = createMasterKey(new Secret(randomBytes(32)));
const generate = () => generateSigningKey('ES256', master);
const fromPem = (pem: string) => importSigningKey(pem, 'ES256', master);
const hour = 3_600_000;

let database: FreshDatabase;
let db: Client;
let replicas: { keys: Keys; database: Database }[];
beforeEach(async () => {
  database = await freshDatabase();
  db = new Client(connection(database.url));
  await db.connect();
  replicas = ['one', 'two'].map((applicationName) => {
    const opened = openDatabase({ url: database.url, applicationName, log: silentLog, metrics: noMetrics });
    const store = createKeyStore(new PrismaClient({ adapter: opened.adapter }));
    const times = { rotation: 30 * 24 * hour, pending: hour, tokenLife: hour / 4 };
    return {
      database: opened,
      keys: createKeys({
        store,
        generate,
        fromPem,
        reload: async () => undefined,
        clock: Date.now,
        times,
        log: silentLog,
      }),
    };
  });
  const opened = openDatabase({ url: database.url, applicationName: 'first', log: silentLog, metrics: noMetrics });
  await createKeyStore(new PrismaClient({ adapter: opened.adapter })).activate(await generate(), undefined, system);
  await opened.close();
});
afterEach(async () => {
  for (const replica of replicas) {
    await replica.database.close();
  }
  await db.end();
  await database.drop();
});

const one = () => replicas[0]!.keys;
const states = async () =>
  (await db.query<{ kid: string; state: string }>('SELECT kid, state FROM auth.signing_keys ORDER BY created_at')).rows;
const kidOf = async (state: string) => (await states()).find((key) => key.state === state)?.kid ?? '';
/** Ages every key. */
const pass = (interval: string) =>
  db.query(
    `UPDATE auth.signing_keys SET created_at = created_at - $1::interval, activated_at = activated_at - $1::interval,
       retired_at = retired_at - $1::interval`,
    [interval],
  );

test('a key is pending, active, retired, then gone without its private key', async () => {
  const first = await kidOf('active');
  await one().tick();
  expect(await states()).toEqual([{ kid: first, state: 'active' }]);
  await pass('29 days 23 hours 1 minute');
  await one().tick();
  const second = await kidOf('pending');
  expect(second).not.toBe('');
  await pass('59 minutes');
  await one().tick();
  expect(await kidOf('active'), 'not before verifiers know it').toBe(first);
  await pass('2 minutes');
  await one().tick();
  expect(await states()).toEqual([
    { kid: first, state: 'retired' },
    { kid: second, state: 'active' },
  ]);
  await pass('29 days');
  await one().tick();
  expect(await kidOf('retired'), 'it verifies for twice as long as it signed').toBe(first);
  await pass('1 day 1 minute');
  await one().tick();
  const { rows } = await db.query(
    'SELECT kid, state, sealed_private IS NULL AS bare FROM auth.signing_keys WHERE kid = $1',
    [first],
  );
  expect(rows).toEqual([{ kid: first, state: 'gone', bare: true }]);
});

test('a retired key stays published while its tokens may be valid', async () => {
  const first = await kidOf('active');
  await one().rotate(system);
  await pass('70 days');
  await one().tick();
  expect(await kidOf('retired')).toBe(first);
  await pass('14 minutes');
  await one().tick();
  expect(await kidOf('retired')).toBe(first);
  await pass('2 minutes');
  await one().tick();
  expect(await kidOf('gone')).toBe(first);
});

const ownPem = () =>
  String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));

test('an imported key is pending, then active, as a generated one; in no state is it imported again', async () => {
  const pem = ownPem();
  const { kid, state } = await one().importKey(pem, system);
  expect(state).toBe('pending');
  const refused = (given: string) =>
    one()
      .importKey(given, system)
      .then(() => undefined, reasonOf);
  expect(await refused(pem)).toBe('ALREADY_EXISTS');
  expect(await refused(ownPem()), 'while one is pending').toBe('KEY_PENDING');
  await pass('61 minutes');
  await one().tick();
  expect(await kidOf('active')).toBe(kid);
  expect(await refused(pem)).toBe('ALREADY_EXISTS');
  await one().revoke(kid, system);
  expect(await refused(pem)).toBe('ALREADY_EXISTS');
  const { rows } = await db.query('SELECT kind FROM auth.audit_events WHERE subject_id = $1 ORDER BY at, id', [kid]);
  expect(rows.map((row: { kind: string }) => row.kind)).toEqual(['key_imported', 'key_activated', 'key_revoked']);
});

test('of fifty concurrent imports of two keys by two replicas, one takes effect', async () => {
  const pems = [ownPem(), ownPem()];
  const imports = Array.from({ length: 50 }, (_, index) =>
    replicas[index % 2]!.keys.importKey(pems[index % 3 === 0 ? 0 : 1]!, system).then(
      () => 'imported',
      (error: unknown) => reasonOf(error),
    ),
  );
  const results = await Promise.all(imports);
  expect(results.filter((result) => result === 'imported')).toHaveLength(1);
  expect(new Set(results)).toEqual(new Set(['imported', 'ALREADY_EXISTS', 'KEY_PENDING']));
  expect((await states()).filter(({ state }) => state === 'pending')).toHaveLength(1);
});

test.each([true, false])(
  'revoking the active key activates another and erases the private key; pending key: %s',
  async (withPending) => {
    const first = await kidOf('active');
    const next = withPending ? (await one().rotate(system)).kid : undefined;
    expect((await one().revoke(first, system)).state).toBe('revoked');
    const made = (await states()).map(({ kid }) => kid).find((kid) => kid !== first);
    expect(await kidOf('active')).toBe(next ?? made);
    const { rows } = await db.query('SELECT sealed_private FROM auth.signing_keys WHERE kid = $1', [first]);
    expect(rows).toEqual([{ sealed_private: null }]);
    expect((await one().revoke(first, system)).state, 'twice is once').toBe('revoked');
    await expect(one().revoke('nobody', system)).rejects.toMatchObject({ rawMessage: expect.any(String) });
  },
);

test('concurrent rotations, ticks and revocations of two replicas leave exactly one active key and do not fail', async () => {
  for (let round = 0; round < 6; round++) {
    const active = await kidOf('active');
    const pending = await kidOf('pending');
    // Sometimes the pending key is due while the active one is revoked.
    if (round % 2 === 1) await pass('2 hours');
    const acts = Array.from({ length: 50 }, (_, index) => {
      const { keys } = replicas[index % 2]!;
      const kind = index % 5;
      if (kind === 0) return keys.revoke(active, system);
      if (kind === 1 && pending !== '') return keys.revoke(pending, system);
      return kind < 4 ? keys.rotate(system) : keys.tick();
    });
    const failed = (await Promise.allSettled<unknown>(acts)).filter(({ status }) => status === 'rejected');
    expect(failed).toEqual([]);
    const now = await states();
    expect(now.filter(({ state }) => state === 'active')).toHaveLength(1);
    expect(now.filter(({ state }) => state === 'pending').length).toBeLessThanOrEqual(1);
    expect(now.find(({ kid }) => kid === active)?.state).toBe('revoked');
    await one().rotate(system);
  }
});

test('a revocation concurrent with a promotion leaves one active key, and both succeed', async () => {
  const first = await kidOf('active');
  const { kid: next } = await one().rotate(system);
  await pass('2 hours');
  // pg_stat_activity is a snapshot within a transaction, so the lock needs a separate connection.
  const locker = new Client(connection(database.url));
  await locker.connect();
  await locker.query('BEGIN');
  await locker.query('SELECT FROM auth.signing_keys WHERE kid = $1 FOR UPDATE', [first]);
  const waiting = async () => {
    const { rows } = await db.query(
      `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows[0].count as number;
  };
  // Both are running when the row is released; each could hold the lock that the other needs next.
  const revoked = one().revoke(first, system);
  await expect.poll(waiting).toBe(1);
  const tended = replicas[1]!.keys.tick();
  await expect.poll(waiting).toBe(2);
  await locker.query('COMMIT');
  await locker.end();
  const [{ state }] = await Promise.all([revoked, tended]);
  expect(state).toBe('revoked');
  expect(await kidOf('active')).toBe(next);
});
