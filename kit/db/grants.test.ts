import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '#kit/log/secret.ts';
import { connectTo } from './database.ts';
import { assertGrantable, type Grant, grantUse, withoutRights } from './grants.ts';
import { roleOf } from './service-roles.ts';
import { openShop, type Shop } from './testing/shop.ts';

let shop: Shop;
let role: string;
let grant: Grant;
beforeEach(async () => {
  shop = await openShop();
  role = `grants_${randomBytes(4).toString('hex')}`;
  await shop.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of the tests'`);
  grant = { url: shop.database.url, schemas: ['shop'], role };
});
afterEach(async () => {
  await shop.query(`DROP OWNED BY ${role}`);
  await shop.query(`DROP ROLE ${role}`);
  await shop.close();
});

/** Runs work on a connection of the role. */
async function asRole<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const url = new URL(shop.database.url.reveal());
  [url.username, url.password] = [role, 'of the tests'];
  const client = await connectTo(new Secret(url.href));
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('eight grants at once succeed', async () => {
  await shop.run();
  await Promise.all(Array.from({ length: 8 }, () => grantUse(grant)));
  expect(await asRole((client) => withoutRights(client, 'shop'))).toEqual([]);
});

test('what a later migration makes lacks rights until the next grant, and partitions need none', async () => {
  await shop.run();
  await grantUse(grant);
  await shop.add(
    '20260103000000_parts',
    `CREATE TABLE parts (id int) PARTITION BY LIST (id);
     CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
     CREATE FUNCTION count_parts() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM shop.parts);
     REVOKE EXECUTE ON FUNCTION count_parts FROM PUBLIC;`,
  );
  await shop.run();
  expect(await asRole((client) => withoutRights(client, 'shop'))).toEqual(['count_parts', 'parts']);
  await shop.query('REVOKE ALL ON shop.part FROM PUBLIC');
  await grantUse(grant);
  await shop.query(`REVOKE ALL ON shop.part FROM ${role}`);
  expect(await asRole((client) => withoutRights(client, 'shop'))).toEqual([]);
});

test.each([
  ['a schema', 'ALTER SCHEMA shop OWNER TO', 'shop'],
  ['a table', 'ALTER TABLE shop.one OWNER TO', 'shop.one'],
  [
    'a function',
    'CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql RETURN 1; ALTER FUNCTION shop.f OWNER TO',
    'shop.f',
  ],
  ['a type', `CREATE TYPE shop.t AS ENUM ('a'); ALTER TYPE shop.t OWNER TO`, 'shop.t'],
])('refuses a role that owns %s, until another role owns what it has', async (_, statement, name) => {
  await shop.run();
  await shop.query(`${statement} ${role}`);
  const refusal = new RegExp(
    `^the role "${role}" has the rights of the owner of "${name}" already.+ REASSIGN OWNED BY "${role}" TO <user>$`,
  );
  await expect(assertGrantable(grant)).rejects.toThrow(refusal);
  await expect(grantUse(grant)).rejects.toThrow(refusal);
  await shop.query(`REASSIGN OWNED BY ${role} TO CURRENT_USER`);
  await assertGrantable(grant);
  await grantUse(grant);
});

test('before the first migration, refuses a role that is missing, and one that would own what is created', async () => {
  await assertGrantable(grant);
  await expect(assertGrantable({ ...grant, role: 'grants_none' })).rejects.toThrow(
    'the role "grants_none" does not exist. Create it: CREATE ROLE',
  );
  const [me] = (await shop.query('SELECT current_user::text AS name')) as [{ name: string }];
  await expect(assertGrantable({ ...grant, role: me.name })).rejects.toThrow(
    'has the rights of the user who migrates already',
  );
});

test('a hyphen in the name of a service is an underscore in the name of its role', () => {
  expect([roleOf('bike-ride'), roleOf('bike-ride', 'app_%'), roleOf('bike-ride', 'app')]).toEqual([
    'signet_bike_ride',
    'app_bike_ride',
    'app',
  ]);
});
