import { expect, onTestFinished, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { pgbouncerProgram, startPgBouncer } from '#kit/testing/pgbouncer.ts';
import { emptyDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { assertDatabase } from './assert-database.ts';
import { assertConnections } from './connections.ts';
import { connectTo, openDatabase } from './database.ts';
import { listen } from './listen.ts';
import { migrate, migrationsOf } from './migrate.ts';
import { poolingOf } from './pooler.ts';

/** A database and a pooler in front of it. */
async function pooled(settings: Readonly<Record<string, string | number>>, fresh = freshDatabase) {
  const database = await fresh();
  const pooler = await startPgBouncer(database.url, settings);
  onTestFinished(async () => {
    await pooler.close();
    await database.drop();
  });
  return { direct: database.url, url: pooler.url };
}

function check({ url, direct, prepared = true }: { url: Secret; direct?: Secret; prepared?: boolean }): Promise<void> {
  return assertDatabase({
    key: 'DATABASE_URL',
    url,
    direct: { key: 'DATABASE_DIRECT_URL', url: direct },
    prepared,
  });
}

async function alterDatabase(direct: Secret, what: string): Promise<void> {
  const client = await connectTo(direct);
  await client.query(`ALTER DATABASE "${new URL(direct.reveal()).pathname.slice(1)}" ${what}`);
  await client.end();
}

/** Twelve callers at once, each with statements alone and in transactions. Returns what failed. */
async function callers(url: Secret, options: { readonly shared?: boolean; readonly prepared?: boolean }) {
  const database = openDatabase({ url, max: 12, applicationName: 'callers', log: silentLog, ...options });
  const db = new PrismaClient(database.prisma);
  const failures: unknown[] = [];
  const calls = Array.from({ length: 12 }, async (_, caller) => {
    for (let turn = 0; turn < 20; turn++) {
      const email = `c${caller}.${turn}@example.com`;
      try {
        await db.user.create({
          data: { id: crypto.randomUUID(), email, name: 'A', passwordHash: 'x', roles: ['user'] },
        });
        await db.$transaction(async (tx) => {
          const { id } = await tx.user.findUniqueOrThrow({ where: { email } });
          await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${email}, 0))`;
          await tx.user.update({ where: { id }, data: { name: 'B' } });
        });
        await db.$queryRaw`SELECT id::text, created_at FROM auth.users WHERE email = ${email}`;
      } catch (error) {
        failures.push(error);
      }
    }
  });
  await Promise.all(calls);
  const changed = await db.user.count({ where: { name: 'B' } });
  await db.$disconnect();
  await database.close();
  return { failures, changed };
}

describeWith([pgbouncerProgram], 'PgBouncer', () => {
  const transaction = { pool_mode: 'transaction', default_pool_size: 4 };

  test('recognizes no pooler, session mode and transaction mode', async () => {
    const session = await pooled({ pool_mode: 'session' });
    expect(await poolingOf(session.direct)).toBe('none');
    expect(await poolingOf(session.url)).toBe('session');
    expect(await poolingOf((await pooled(transaction)).url)).toBe('transaction');
    expect(await poolingOf((await pooled({ ...transaction, server_round_robin: 1 })).url)).toBe('transaction');
  });

  test('works in session mode without other settings: migrations, notifications, twelve callers', async () => {
    const { url } = await pooled({ pool_mode: 'session' }, emptyDatabase);
    await check({ url });
    const { applied } = await migrate({ url, ...migrationsOf('auth'), log: silentLog });
    expect(applied.length).toBeGreaterThan(0);
    const heard = Promise.withResolvers<string | undefined>();
    const listening = listen({
      url,
      applicationName: 'listen',
      heard: { news: (payload) => void (payload && heard.resolve(payload)) },
      log: silentLog,
    });
    onTestFinished(() => listening.close());
    const database = openDatabase({ url, applicationName: 'session', log: silentLog });
    onTestFinished(() => database.close());
    expect((await database.pool.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '3s' }]);
    const tell = () => database.pool.query(`SELECT pg_notify('news', 'hello')`).catch(heard.reject);
    const telling = setInterval(() => void tell(), 50);
    expect(await heard.promise).toBe('hello');
    clearInterval(telling);
    expect(await callers(url, {})).toEqual({ failures: [], changed: 240 });
  });

  test('migrates in transaction mode, and a second time', async () => {
    const { url } = await pooled(transaction, emptyDatabase);
    const run = () => migrate({ url, ...migrationsOf('auth'), log: silentLog });
    expect((await run()).applied.length).toBeGreaterThan(0);
    expect((await run()).applied).toEqual([]);
  });

  test('works in transaction mode with a direct URL and without named statements: twelve callers, no failure', async () => {
    const { url, direct } = await pooled(transaction);
    await alterDatabase(direct, `SET TimeZone = 'UTC'`);
    await check({ url, direct, prepared: false });
    expect(await callers(url, { shared: true, prepared: false })).toEqual({ failures: [], changed: 240 });
  });

  test('in transaction mode, other callers do not get its settings', async () => {
    const { url, direct } = await pooled({ ...transaction, default_pool_size: 1 });
    const database = openDatabase({ url, shared: true, applicationName: 'shared', log: silentLog });
    const other = openDatabase({ url, shared: true, applicationName: 'other', log: silentLog });
    onTestFinished(async () => {
      await Promise.all([database.close(), other.close()]);
    });
    const own = openDatabase({ url: direct, shared: true, applicationName: 'own', log: silentLog });
    onTestFinished(() => own.close());
    await database.pool.query('SELECT 1');
    const { rows } = await own.pool.query('SHOW lock_timeout');
    expect((await other.pool.query('SHOW lock_timeout')).rows).toEqual(rows);
  });

  test('refuses transaction mode without a direct URL', async () => {
    const { url } = await pooled(transaction);
    await expect(check({ url })).rejects.toThrow(
      /^DATABASE_URL leads to a connection pooler in transaction mode. Set DATABASE_DIRECT_URL to PostgreSQL itself/,
    );
    await expect(check({ url, direct: url })).rejects.toThrow(/^DATABASE_DIRECT_URL leads to a connection pooler/);
  });

  test('refuses named statements if the pooler does not manage them', async () => {
    const { url, direct } = await pooled(transaction);
    const { failures } = await callers(url, { shared: true });
    // PgBouncer 1.21 and newer manage them by default.
    const refusal = await check({ url, direct }).then(() => '', String);
    expect(refusal).toContain(failures.length === 0 ? '' : 'Set SIGNET_DATABASE_PREPARED=off');
  });

  test('refuses a role with settings that statements do not expect, and names the statements that correct it', async () => {
    const { url, direct } = await pooled(transaction);
    await alterDatabase(direct, `SET default_transaction_isolation = 'serializable'`);
    await alterDatabase(direct, `SET DateStyle = 'German'`);
    await expect(check({ url, direct, prepared: false })).rejects.toThrow(
      /ALTER ROLE \w+ SET DateStyle = 'ISO, MDY'; ALTER ROLE \w+ SET default_transaction_isolation = 'read committed';/,
    );
  });

  test('refuses a direct URL of another database', async () => {
    const { url } = await pooled(transaction);
    const other = await freshDatabase();
    onTestFinished(other.drop);
    await expect(check({ url, direct: other.url })).rejects.toThrow(
      'DATABASE_DIRECT_URL and DATABASE_URL lead to different databases or users.',
    );
  });

  test('refuses statement mode in a sentence', async () => {
    const { url } = await pooled({ pool_mode: 'statement' });
    await expect(check({ url })).rejects.toThrow(/^the server or connection pooler of DATABASE_URL refused/);
  });

  test('services start that need all connections of the pooler together, and not with one more', async () => {
    const { url } = await pooled({ pool_mode: 'session', default_pool_size: 12 });
    await assertConnections([{ url, pool: 9 }]);
    await expect(assertConnections([{ url, pool: 10 }])).rejects.toThrow(
      /up to 13 database connections, and the connection pooler serves 12\. .*default_pool_size/,
    );
  });
});
