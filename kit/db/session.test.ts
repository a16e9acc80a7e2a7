import { expect, onTestFinished, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { PrismaClient as CatalogClient } from '#gen/prisma/catalog/client.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { connectTo, openDatabase } from './database.ts';
import { unpinned } from './session.ts';

/** Values that an operator may have set for the server, a database or a role, and that statements do not expect. */
const unusual = {
  TimeZone: 'Asia/Kolkata',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-10',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  client_encoding: 'LATIN1',
  search_path: 'nowhere',
  statement_timeout: '300ms',
  lock_timeout: '300ms',
  idle_in_transaction_session_timeout: '300ms',
  idle_session_timeout: '300ms',
  transaction_timeout: '300ms',
};

async function databaseWith(settings: Readonly<Record<string, string>>): Promise<Secret> {
  const { url, drop } = await freshDatabase();
  onTestFinished(drop);
  const admin = await connectTo(url);
  const name = new URL(url.reveal()).pathname.slice(1);
  for (const [setting, value] of Object.entries(settings)) {
    await admin.query(`ALTER DATABASE "${name}" SET ${setting} = '${value}'`);
  }
  await admin.end();
  return url;
}

test('statements behave the same with unusual settings of the database', async () => {
  const database = openDatabase({ url: await databaseWith(unusual), applicationName: 'unusual', log: silentLog });
  onTestFinished(() => database.close());
  const [auth, catalog] = [new PrismaClient(database.prisma), new CatalogClient(database.prisma)];
  const createdAt = new Date('2026-03-04T05:06:07.089Z');
  const account = {
    id: crypto.randomUUID(),
    email: 'ada@example.com',
    name: 'Ada 🚲',
    passwordHash: 'x',
    roles: ['user'],
  };
  await auth.user.create({ data: { ...account, createdAt } });
  expect(await auth.user.findUnique({ where: { email: account.email } })).toMatchObject({ ...account, createdAt });
  expect(await catalog.product.count()).toBe(0);
  const rows = await auth.$queryRaw`
    SELECT '2026-03-04'::date AS day, '\\x00ff'::bytea AS bytes, 0.1::float8 + 0.2::float8 AS sum,
           current_setting('transaction_isolation') AS isolation, NULL = NULL AS same, 'a\\b' AS text,
           (interval '1 day 2 hours')::text AS span, pg_sleep(0.4)::text AS slow`;
  expect(rows).toEqual([
    {
      day: new Date('2026-03-04'),
      bytes: new Uint8Array([0, 255]),
      sum: 0.1 + 0.2,
      isolation: 'read committed',
      same: null,
      text: String.raw`a\b`,
      span: '1 day 02:00:00',
      slow: '',
    },
  ]);
});

test('names every setting that a connection does not have, with the statement that sets it for its role', async () => {
  const url = await databaseWith({ ...unusual, statement_timeout: '0', transaction_timeout: '1min' });
  const shared = await connectTo(url, { pin: false });
  onTestFinished(() => shared.end());
  const statements = await unpinned(shared);
  expect(statements).toEqual([
    expect.stringMatching(/^ALTER ROLE \w+ SET TimeZone = 'UTC';$/),
    expect.stringMatching(/SET DateStyle = 'ISO, MDY'/),
    expect.stringMatching(/SET IntervalStyle = 'postgres'/),
    expect.stringMatching(/SET bytea_output = 'hex'/),
    expect.stringMatching(/SET extra_float_digits = '1'/),
    expect.stringMatching(/SET standard_conforming_strings = 'on'/),
    expect.stringMatching(/SET transform_null_equals = 'off'/),
    expect.stringMatching(/SET default_transaction_isolation = 'read committed'/),
    expect.stringMatching(/SET default_transaction_deferrable = 'off'/),
    expect.stringMatching(/SET idle_session_timeout = '0'/),
    expect.stringMatching(/SET transaction_timeout = '0'/),
  ]);
});

test.each(['UTC', 'Etc/UTC', 'GMT'])('the time zone %s serves as it is', async (zone) => {
  const client = await connectTo(await databaseWith({ TimeZone: zone }), { pin: false });
  onTestFinished(() => client.end());
  expect(await unpinned(client)).toEqual([]);
});
