import { randomBytes } from 'node:crypto';
import { Client, DatabaseError } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { databaseKeys } from '#kit/config/shared-keys.ts';
import { grantUse } from '#kit/db/grants.ts';
import { silentLog } from '#kit/log/log.ts';
import { prepareDatabase } from '#kit/service/own-database.ts';
import { envName } from '#kit/service/service.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../../cli/testing/run.ts';
import { serviceNames, servicesWithData } from '../../services/registry.ts';
import { openShop } from '../shop.ts';
import { openSystem, type System } from '../system.ts';

// Services whose roles own nothing and may create nothing, on what db migrate has made.

const prefix = `dml_${randomBytes(4).toString('hex')}`;
const names = servicesWithData.map(({ name }) => name);
const urlOf = (name: string) => {
  const url = new URL(database.url.reveal());
  [url.username, url.password] = [`${prefix}_${name}`, 'a password of the tests'];
  return url.href;
};

let database: FreshDatabase;
let owner: Client;
let system: System;
let migrated: Awaited<ReturnType<typeof run>>[];

beforeAll(async () => {
  database = await emptyDatabase();
  owner = new Client(database.url.reveal());
  await owner.connect();
  for (const name of names)
    await owner.query(`CREATE ROLE "${prefix}_${name}" LOGIN PASSWORD 'a password of the tests'`);
  const migrate = () =>
    run(['db', 'migrate', '--grant-to', `${prefix}_%`], { environment: { DATABASE_URL: database.url.reveal() } });
  // Two Jobs at once, and one that runs again.
  migrated = [...(await Promise.all([migrate(), migrate()])), await migrate()];
  system = await openSystem({
    shape: 'fleet',
    services: serviceNames,
    env: {
      DATABASE_URL: database.url.reveal(),
      ...Object.fromEntries(names.map((name) => [`${envName(name)}_DATABASE_URL`, urlOf(name)])),
      SIGNET_MIGRATE: 'off',
    },
  });
});
afterAll(async () => {
  await system.close();
  await owner.end();
  const admin = new URL(database.url.reveal());
  admin.pathname = '/postgres';
  await database.drop();
  const client = new Client(admin.href);
  await client.connect();
  for (const name of names) await client.query(`DROP ROLE "${prefix}_${name}"`);
  await client.end();
});

test('db migrate succeeds, also twice at once and when nothing is left to do', () => {
  expect(migrated).toMatchObject([
    { exit: 0, stderr: '' },
    { exit: 0, stderr: '' },
    { exit: 0, stdout: 'up to date\n' },
  ]);
});

const soon = { timeout: 30_000, interval: 50 };

test('an order is placed and paid, its customer gets mail, and the audit log gets its month', async () => {
  const shop = await openShop(system);
  const product = await shop.product({ stock: 10 });
  const ada = await shop.customer([product, 2]);
  expect((await shop.place(ada)).json.state).toBe('confirmed');
  const kinds = async () =>
    (await system.rest('GET', '/notifications', { token: ada.access })).json.notifications.map(
      ({ kind }: { kind: string }) => kind,
    );
  await expect.poll(kinds, soon).toEqual(['order_confirmed', 'welcome']);
  const months = `SELECT c.relowner::regrole::text AS owner FROM pg_class c WHERE c.relname ~ '^audit_events_\\d{4}_\\d\\d$'`;
  await expect.poll(async () => (await owner.query(months)).rows, soon).toEqual([{ owner: owner.user }]);
  const { access: token } = ada;
  expect((await system.rest('DELETE', '/users/account', { token })).status).toBe(204);
  const erasing = servicesWithData.filter(({ consumes }) => consumes?.['auth']).map(({ name }) => name);
  const confirmed = async () =>
    (await owner.query(`SELECT service FROM auth.erasure_confirmations ORDER BY service`)).rows.map(
      ({ service }) => service as string,
    );
  await expect.poll(confirmed, soon).toEqual(erasing.toSorted());
  expect(system.logged()).not.toMatch(/permission denied|must be owner/);
});

test('no role owns anything, creates a table, or reads the tables of another service', async () => {
  const owned = await owner.query(
    `SELECT relname FROM pg_class WHERE starts_with(relowner::regrole::text, '${prefix}')`,
  );
  expect(owned.rows).toEqual([]);
  const client = new Client(urlOf('user'));
  await client.connect();
  for (const sql of [
    'CREATE TABLE "user".more (id int)',
    'CREATE SCHEMA more',
    'ALTER TABLE "user".profiles ADD COLUMN more int',
    'SELECT FROM auth.users',
    'DELETE FROM "user"._prisma_migrations',
  ]) {
    const refused = client.query(sql);
    await expect(refused, sql).rejects.toBeInstanceOf(DatabaseError);
    await expect(refused, sql).rejects.toMatchObject({ code: '42501' });
  }
  await client.end();
});

test('only roles with a grant may change the months of the audit log', async () => {
  const { rows } = await owner.query(
    `SELECT proname AS name, has_function_privilege('public', oid, 'EXECUTE') AS "isPublic" FROM pg_proc
     WHERE pronamespace = 'auth'::regnamespace AND prosecdef ORDER BY 1`,
  );
  expect(rows).toEqual([
    { name: 'add_audit_month', isPublic: false },
    { name: 'drop_audit_events', isPublic: false },
  ]);
});

test('a service whose user lacks the rights to a table or a function that a migration added refuses to start', async () => {
  const environment = { DATABASE_URL: urlOf('user'), SIGNET_MIGRATE: 'off' };
  const start = () => prepareDatabase('user', readConfig(databaseKeys, environment), environment, silentLog);
  await start();
  await owner.query('CREATE TABLE "user".added ()');
  await owner.query('CREATE FUNCTION "user".adds() RETURNS int LANGUAGE sql RETURN 1');
  await owner.query('REVOKE EXECUTE ON FUNCTION "user".adds FROM PUBLIC');
  await expect(start()).rejects.toThrow(
    'the database user lacks rights to added, adds of user. Run with the owner of the schema: npm run signet -- db migrate --grant-to <user>',
  );
  await grantUse({ url: database.url, schemas: ['user'], role: `${prefix}_user` });
  await start();
  await owner.query('DROP TABLE "user".added; DROP FUNCTION "user".adds');
});

test('a service whose user has no rights to its schema refuses to start, and names the command', async () => {
  const environment = { DATABASE_URL: urlOf('user'), SIGNET_MIGRATE: 'off' };
  const start = prepareDatabase('cart', readConfig(databaseKeys, environment), environment, silentLog);
  await expect(start).rejects.toThrow(
    'the user of DATABASE_URL may not use the schema "cart" (permission denied for schema cart). Run with the owner of ' +
      'the schema: npm run signet -- db migrate --grant-to <user>',
  );
});

test.each([
  ['does not exist', `${prefix}_none`, 'does not exist. Create it: CREATE ROLE'],
  ['owns the schemas', 'signet', 'has the rights of the owner of "auth" already'],
])('db migrate refuses to grant to a role that %s', async (_, role, words) => {
  const { exit, stderr } = await run(['db', 'migrate', '--grant-to', role], {
    environment: { DATABASE_URL: database.url.reveal() },
  });
  expect([exit, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^signet: the role "${role}" ${words}`))]);
});

test('the role of the auth service drops audit events by the function for it', async () => {
  const client = new Client(urlOf('auth'));
  await client.connect();
  const { rows } = await client.query(`SELECT dropped FROM auth.drop_audit_events('1 day')`);
  await client.end();
  expect(rows).toEqual([{ dropped: 'audit_events_earlier' }]);
});
