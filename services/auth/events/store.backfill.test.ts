import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserDeletedSchema, UserRegisteredSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { connection } from '#kit/db/database.ts';
import { migrationsOf } from '#kit/db/migrate.ts';
import { emptyDatabase, type FreshDatabase } from '#kit/testing/postgres.ts';

const { directory } = migrationsOf('auth');
const theMigration = '20261126120000_events';

let database: FreshDatabase;
let db: Client;
beforeAll(async () => {
  database = await emptyDatabase();
  db = new Client(connection(database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

const apply = async (name: string) => db.query(await readFile(path.join(directory, name, 'migration.sql'), 'utf8'));

test('the migration to events records the accounts that exist and those that were deleted', async () => {
  const names = (await readdir(directory)).filter((name) => /^\d/.test(name)).toSorted();
  for (const name of names.filter((one) => one < theMigration)) await apply(name);
  const [ada, grace, gone] = [randomUUID(), randomUUID(), randomUUID()];
  const role = 'r'.repeat(64);
  await db.query(
    `INSERT INTO auth.users (id, email, name, roles, created_at) VALUES
       ($1, 'a@example.com', 'Ada', ARRAY['admin', $3], '2024-02-29T23:59:59.007Z'),
       ($2, 'g@example.com', 'Grace', '{}', '1970-01-01T00:00:00Z')`,
    [ada, grace, role],
  );
  await db.query(
    `INSERT INTO auth.audit_events (id, kind, outcome, subject_id, at) VALUES
       (gen_random_uuid(), 'account_deleted', 'success', $1, '2026-01-02T03:04:05.678Z'),
       (gen_random_uuid(), 'registered', 'success', $2, now())`,
    [gone, ada],
  );
  await apply(theMigration);
  const { rows } = await db.query<{ type: string; subject: string; data: Buffer }>(
    'SELECT type, subject, data FROM auth.events ORDER BY n',
  );
  const read = rows.map(({ type, subject, data }) => {
    if (type === 'user.registered') {
      const { userId, roles, registeredAt } = fromBinary(UserRegisteredSchema, data);
      return [type, subject, userId, roles, registeredAt && timestampDate(registeredAt).toISOString()];
    }
    const { userId, deletedAt } = fromBinary(UserDeletedSchema, data);
    return [type, subject, userId, deletedAt && timestampDate(deletedAt).toISOString()];
  });
  expect(read).toEqual([
    ['user.registered', grace, grace, [], '1970-01-01T00:00:00.000Z'],
    ['user.registered', ada, ada, ['admin', role], '2024-02-29T23:59:59.007Z'],
    ['user.deleted', gone, gone, '2026-01-02T03:04:05.678Z'],
  ]);
  const { rows: erasures } = await db.query('SELECT user_id FROM auth.erasures');
  expect(erasures).toEqual([{ user_id: gone }]);
});
