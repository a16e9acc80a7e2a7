import { Client } from 'pg';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { schemas } from '#kit/testing/schemas.ts';
import { createDatabase } from './create-database.ts';
import { connection } from './database.ts';
import { type EmbeddedServer, startEmbedded } from './embedded.ts';
import { migrate, migrationsOf } from './migrate.ts';
import { ensureServiceRoles, giveToServiceRole } from './service-roles.ts';

// Roles belong to a server, not to a database: these tests have their own.
let server: EmbeddedServer;
beforeAll(async () => (server = await startEmbedded({ dataDir: '', log: silentLog, ephemeral: true })));
afterAll(() => server.stop());

async function emptyDatabase(): Promise<Secret> {
  const name = `roles_${randomBytes(6).toString('hex')}`;
  await createDatabase(server.url('postgres'), name);
  return server.url(name);
}

async function migratedDatabase(service: string): Promise<Secret> {
  const url = await emptyDatabase();
  await migrate({ url, ...migrationsOf(service), log: silentLog });
  return url;
}

async function open(url: Secret): Promise<Client> {
  const client = new Client(connection(url));
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test('each service owns its schema, and has no access to others', async () => {
  const url = await emptyDatabase();
  const urls = await ensureServiceRoles(url, ['roles-a', 'roles-b']);
  const a = await open(urls.get('roles-a')!);
  const b = await open(urls.get('roles-b')!);
  await a.query('CREATE TABLE "roles-a".things (id int); INSERT INTO "roles-a".things VALUES (1)');
  expect((await a.query('SELECT * FROM "roles-a".things')).rowCount).toBe(1);
  await expect(b.query('SELECT * FROM "roles-a".things')).rejects.toThrow('permission denied for schema roles-a');
  await expect(b.query('CREATE TABLE public.mine (id int)')).rejects.toThrow('permission denied');
  await expect(b.query('ALTER ROLE signet_roles_b SUPERUSER')).rejects.toThrow('permission denied');
});

test.each(schemas)(
  'objects that a superuser created for %s change their owner, and the role can continue the migrations',
  async (service) => {
    const url = await migratedDatabase(service);
    const foreign = async () => {
      const client = await open(url);
      const { rows } = await client.query(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relowner <> $2::text::regrole
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND proowner <> $2::text::regrole
       UNION ALL SELECT typname FROM pg_type WHERE typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND typowner <> $2::text::regrole`,
        [service, `signet_${service}`],
      );
      return rows;
    };
    const first = await ensureServiceRoles(url, [service]);
    expect(await foreign()).toEqual([]);
    // Another start: the same objects, another password.
    const again = await ensureServiceRoles(url, [service]);
    expect(again.get(service)?.reveal()).not.toBe(first.get(service)?.reveal());
    const { applied } = await migrate({ url: again.get(service)!, ...migrationsOf(service), log: silentLog });
    expect(applied).toEqual([]);
  },
);

test.each(schemas)('the role of %s can apply all migrations of it', async (service) => {
  const url = await emptyDatabase();
  const urls = await ensureServiceRoles(url, [service]);
  const { applied } = await migrate({ url: urls.get(service)!, ...migrationsOf(service), log: silentLog });
  expect(applied.length).toBeGreaterThan(0);
});

test('what is migrated as a superuser while roles exist can be given to the role', async () => {
  const url = await emptyDatabase();
  const urls = await ensureServiceRoles(url, ['user']);
  await migrate({ url, ...migrationsOf('user'), log: silentLog });
  const role = await open(urls.get('user')!);
  await expect(role.query('SELECT FROM "user".profiles')).rejects.toThrow('permission denied');
  await giveToServiceRole(url, 'user');
  expect((await role.query('SELECT FROM "user".profiles')).rowCount).toBe(0);
});

test('a schema that the role of another service has made ready is refused', async () => {
  const url = await emptyDatabase();
  const urls = await ensureServiceRoles(url, ['roles-a']);
  await (await open(urls.get('roles-a')!)).query('CREATE SCHEMA payment');
  await expect(ensureServiceRoles(url, ['payment'])).rejects.toThrow('belongs to signet_roles_a');
});
