import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { emptyDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { connection } from './database.ts';
import { migrate, migrationsOf } from './migrate.ts';
import { ensureServiceRoles } from './service-roles.ts';

async function open(url: Secret): Promise<Client> {
  const client = new Client(connection(url));
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test('each service owns its schema, and may enter no other one', async () => {
  const { url, drop } = await freshDatabase();
  onTestFinished(drop);
  const urls = await ensureServiceRoles(url, ['roles-a', 'roles-b']);
  const a = await open(urls.get('roles-a')!);
  const b = await open(urls.get('roles-b')!);
  await a.query('CREATE TABLE "roles-a".things (id int); INSERT INTO "roles-a".things VALUES (1)');
  expect((await a.query('SELECT * FROM "roles-a".things')).rowCount).toBe(1);
  await expect(b.query('SELECT * FROM "roles-a".things')).rejects.toThrow('permission denied for schema roles-a');
  await expect(b.query('CREATE TABLE public.mine (id int)')).rejects.toThrow('permission denied');
  await expect(b.query('ALTER ROLE signet_roles_b SUPERUSER')).rejects.toThrow('permission denied');
});

test.each(['auth', 'user'])(
  'what a superuser made for %s is re-owned, and its migrations go on as the role',
  async (service) => {
    const { url, drop } = await freshDatabase();
    onTestFinished(drop);
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

test.each(['auth', 'user'])('the role of %s can apply all migrations of it', async (service) => {
  const { url, drop } = await emptyDatabase();
  onTestFinished(drop);
  const urls = await ensureServiceRoles(url, [service]);
  const { applied } = await migrate({ url: urls.get(service)!, ...migrationsOf(service), log: silentLog });
  expect(applied.length).toBeGreaterThan(0);
});
