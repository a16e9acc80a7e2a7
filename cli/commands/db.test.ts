import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { servicesWithData } from '../../services/registry.ts';
import { openSystem, type System } from '../../test/system.ts';
import { run } from '../testing/run.ts';

let database: FreshDatabase;
beforeEach(async () => (database = await emptyDatabase()));
afterEach(() => database.drop());

const on = (url: string) => ({ environment: { DATABASE_URL: url } });

test('applies pending migrations and lists them; a second run applies none', async () => {
  const environment = on(database.url.reveal());
  const before = await run(['db', 'status', '--json'], environment);
  expect(before.json().services.map((one: { service: string }) => one.service)).toEqual(
    servicesWithData.map(({ name }) => name),
  );
  const { applied, pending } = before.json().services[0];
  expect([applied, pending[0], pending.length > 1]).toEqual([[], '20261122000000_init', true]);

  const first = await run(['db', 'migrate'], environment);
  expect([first.exit, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(/^applied auth\/\d{14}_\w+\n/);
  const after = await run(['db', 'status'], environment);
  expect(after.stdout).not.toContain('pending');
  expect(after.stdout).toMatch(/^user +\d{14}_\w+ +applied$/m);
  const second = await run(['db', 'migrate'], environment);
  expect([second.exit, second.stdout]).toEqual([0, 'up to date\n']);
});

test('refuses a role before the first migration', async () => {
  const { exit, stderr } = await run(['db', 'migrate', '--grant-to', 'none_%'], on(database.url.reveal()));
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/^signet: the role "none_\w+" does not exist/)]);
  const status = await run(['db', 'status'], on(database.url.reveal()));
  expect(status.stdout).not.toContain('applied');
});

test('names on standard error what it waits for, and migrations of a newer release', async () => {
  const environment = on(database.url.reveal());
  await run(['db', 'migrate'], environment);
  const client = new Client({ connectionString: database.url.reveal() });
  await client.connect();
  await client.query(
    `DELETE FROM auth._prisma_migrations WHERE migration_name = '20261126212500_audit_months_by_owner'`,
  );
  await client.query(
    `INSERT INTO "user"._prisma_migrations (id, checksum, finished_at, migration_name, oldest_release)
     VALUES ('later', '', now(), '29990101000000_later', '0.0.1')`,
  );
  await client.query('BEGIN; ALTER FUNCTION auth.add_audit_month(date) SECURITY DEFINER');
  const migrated = run(['db', 'migrate'], environment);
  const waits = async () =>
    (
      await client.query(
        `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`,
      )
    ).rowCount;
  await expect.poll(waits, { interval: 20, timeout: 10_000 }).toBe(1);
  await expect.poll(waits, { interval: 20, timeout: 10_000 }).toBe(0);
  await client.query('COMMIT');
  await client.end();
  const { exit, stdout, stderr } = await migrated;
  expect([exit, stdout]).toEqual([0, 'applied auth/20261126212500_audit_months_by_owner\n']);
  expect(stderr).toMatch(
    /^signet: auth: a migration waits for a lock that a statement holds.+\(reason: .+lock timeout/m,
  );
  expect(stderr).toMatch(
    /^signet: user: this code is older than the database.+ \(migrations: 29990101000000_later\)$/m,
  );
});

test("works on a service's own database where it has one", async () => {
  const other = await emptyDatabase();
  const environment = { DATABASE_URL: database.url.reveal(), USER_DATABASE_URL: other.url.reveal() };
  expect((await run(['db', 'migrate'], { environment })).exit).toBe(0);
  const schemasOf = async (url: string) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      `SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'user') ORDER BY 1`,
    );
    await client.end();
    return rows.map(({ nspname }) => nspname);
  };
  expect([await schemasOf(database.url.reveal()), await schemasOf(other.url.reveal())]).toEqual([['auth'], ['user']]);
  await other.drop();
});

test('reports a database that does not match the code and exits with 1', async () => {
  const environment = on(database.url.reveal());
  await run(['db', 'migrate'], environment);
  const client = new Client({ connectionString: database.url.reveal() });
  await client.connect();
  await client.query("UPDATE auth._prisma_migrations SET checksum = 'other'");
  await client.end();
  for (const command of ['status', 'migrate']) {
    const { exit, stderr } = await run(['db', command], environment);
    expect([exit, stderr]).toEqual([1, expect.stringContaining('was edited after it was applied')]);
  }
});

test('exits with 3 if the database is unreachable, without printing its password', async () => {
  const { exit, stdout, stderr } = await run(['db', 'status'], on('postgres://signet:hunter2@127.0.0.1:1/signet'));
  expect([exit, stdout]).toEqual([3, '']);
  expect(stderr).toBe('signet: the database of DATABASE_URL does not respond (ECONNREFUSED)\n');
});

test('finds the database of a running npm start, and otherwise explains how to start one', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'signet-db-'));
  try {
    const environment = { SIGNET_DATA_DIR: dataDir };
    const none = await run(['db', 'status'], { environment });
    expect([none.exit, none.stderr]).toEqual([3, expect.stringContaining('Start one with npm start')]);
    const server = await startEmbedded({ dataDir, log: silentLog });
    const found = await run(['db', 'migrate'], { environment });
    await server.stop();
    expect([found.exit, found.stdout]).toEqual([0, expect.stringContaining('applied auth/')]);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

describe('after a restore', () => {
  let system: System;
  let db: Client;
  beforeAll(async () => {
    system = await openSystem();
    db = new Client({ connectionString: system.database.url.reveal() });
    await db.connect();
  });
  afterAll(async () => {
    await db.end();
    await system.close();
  });
  const restored = (...options: string[]) =>
    run(['db', 'restored', ...options], { environment: { DATABASE_URL: system.database.url.reveal() } });
  const profileStatus = async (token: string) => (await system.rest('GET', '/users/profile', { token })).status;
  const refresh = (refresh_token: string) => system.rest('POST', '/auth/refresh', { body: { refresh_token } });

  test('no earlier access token is valid, a running service signs with a new key, and sessions go on', async () => {
    const people = [await system.person(), await system.person()];
    const at = new Date(Date.now() - 60_000).toISOString();
    const { exit, stdout } = await restored('--at', at);
    expect(exit).toBe(0);
    expect(stdout).toContain('revoked all signing keys');
    expect(stdout).toContain(`sessions that were ended after ${at} are live again`);
    for (const person of people) {
      await expect.poll(() => profileStatus(person.access)).toBe(401);
      let next = person.refresh;
      await expect
        .poll(async () => {
          const { status, json } = await refresh(next);
          // Without a signing key, until the service has made the new one.
          if (status !== 200) return status;
          next = system.secret(json.refresh_token);
          return profileStatus(system.secret(json.access_token));
        })
        .toBe(200);
    }
    const { rows } = await db.query(
      `SELECT kind, details FROM auth.audit_events WHERE kind IN ('database_restored', 'key_revoked', 'key_created') ORDER BY at`,
    );
    expect(rows.map(({ kind }) => kind)).toEqual(['key_created', 'key_revoked', 'database_restored', 'key_created']);
    expect(rows[2]?.details).toEqual({ at, ended_sessions: 0 });
  });

  test('--end-sessions ends every session, in parts of 1,000, and waits for one that is in use', async () => {
    const person = await system.person();
    await db.query(`
      INSERT INTO auth.sessions (id, user_id, client_id, device_label, ip, network, amr, secret, auth_time,
                                 idle_expires_at, expires_at, sweep_at)
      SELECT gen_random_uuid(), (SELECT id FROM auth.users LIMIT 1), 'signet', '', '', '', '{pwd}', '', now(),
             now() + interval '1 day', now() + interval '1 day', now() + interval '2 days'
      FROM generate_series(1, 1500)`);
    const live = await db.query(`SELECT FROM auth.sessions WHERE revoked_at IS NULL`);
    // As a refresh does that takes its time.
    const busy = new Client({ connectionString: system.database.url.reveal() });
    await busy.connect();
    await busy.query('BEGIN');
    await busy.query('SELECT FROM auth.sessions WHERE revoked_at IS NULL LIMIT 1 FOR UPDATE');
    const ending = restored('--at', '2026-11-01T00:00:00Z', '--end-sessions', '--json');
    await expect
      .poll(
        async () =>
          (
            await db.query(
              `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
            )
          ).rowCount,
      )
      .toBeGreaterThan(0);
    await busy.query('COMMIT');
    await busy.end();
    const { json } = await ending;
    expect(json()).toEqual({ at: '2026-11-01T00:00:00.000Z', ended_sessions: live.rowCount, moved: [] });
    expect((await refresh(person.refresh)).status).toBe(401);
  });

  test('--services leaves the tokens valid without auth, and moves the cursors of what consumes the events of a service', async () => {
    const person = await system.person();
    const cursors = () => db.query(`SELECT source, position FROM notification.event_cursors ORDER BY source`);
    await db.query(`
      INSERT INTO notification.event_cursors (source, history, position, last_id)
      SELECT source, gen_random_uuid(), 7, gen_random_uuid() FROM unnest(ARRAY['order', 'ride']) AS source`);
    const at = new Date().toISOString();
    const { json } = await restored('--at', at, '--services', 'order,payment', '--json');
    const moved = [{ consumer: 'notification', source: 'order', from: '7', to: '0' }];
    expect(json()).toEqual({ at, ended_sessions: 0, moved });
    expect((await cursors()).rows).toEqual([
      { source: 'order', position: '0' },
      { source: 'ride', position: '7' },
    ]);
    // Fails for a second where the services' own tokens were revoked before.
    await expect.poll(() => profileStatus(person.access)).toBe(200);
    const { stdout } = await restored('--at', at, '--services', 'ride');
    expect(stdout).toBe('notification applies the events of ride behind position 0; it had applied those up to 7\n');
  });

  test.each([
    ['no time', []],
    ['a time to come', ['--at', '2999-01-01T00:00:00Z']],
    ['a date', ['--at', '2026-11-26']],
    ['a word', ['--at', 'yesterday']],
  ])('refuses %s, and changes nothing', async (_, options) => {
    const { exit, stderr } = await restored(...options);
    expect(exit).toBe(2);
    expect(stderr).toContain('--at');
  });

  test.each([
    ['an unknown service', ['--services', 'auth,shop'], 'shop: the services are auth, '],
    ['--end-sessions without auth', ['--services', 'order', '--end-sessions'], '--end-sessions concerns auth'],
  ])('refuses %s, and changes nothing', async (_, options, words) => {
    const keys = () => db.query(`SELECT kid, state FROM auth.signing_keys ORDER BY kid`);
    const before = (await keys()).rows;
    const { exit, stderr } = await restored('--at', '2026-11-26T10:00:00Z', ...options);
    expect([exit, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect((await keys()).rows).toEqual(before);
  });
});
