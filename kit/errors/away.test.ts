import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { isDatabaseAway } from './away.ts';
import { outward, reasonOf } from './failure.ts';

let fresh: FreshDatabase;
let database: Database;
let prisma: PrismaClient;

beforeAll(async () => {
  fresh = await freshDatabase();
  const admin = new Client({ connectionString: fresh.url.reveal() });
  await admin.connect();
  // A name of five characters is the SQLSTATE that the insert raises; with a bio, at commit.
  await admin.query(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = NEW.name; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON "user".profiles FOR EACH ROW WHEN (NEW.bio = '') EXECUTE FUNCTION fail();
    CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON "user".profiles DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.bio <> '') EXECUTE FUNCTION fail();`);
  await admin.end();
  database = openDatabase({ url: fresh.url, applicationName: 'away', log: silentLog });
  prisma = new PrismaClient({ adapter: database.adapter });
});
afterAll(async () => {
  await prisma.$disconnect();
  await database.close();
  await fresh.drop();
});

const userId = '018f0000-0000-7000-8000-000000000000';

/** All kinds of writes that services use. */
const ways: Record<string, (state: string) => Promise<unknown>> = {
  'a method of a model': (name) => prisma.profile.create({ data: { userId, name } }),
  createMany: (name) => prisma.profile.createMany({ data: [{ userId, name }] }),
  $executeRaw: (name) =>
    prisma.$executeRaw`INSERT INTO "user".profiles (user_id, name) VALUES (${userId}::uuid, ${name})`,
  $queryRaw: (name) =>
    prisma.$queryRaw`INSERT INTO "user".profiles (user_id, name) VALUES (${userId}::uuid, ${name}) RETURNING name`,
  'a transaction': (name) => prisma.$transaction((tx) => tx.profile.create({ data: { userId, name } })),
  'the commit of a transaction': (name) =>
    prisma.$transaction((tx) => tx.profile.create({ data: { userId, name, bio: 'late' } })),
  'the commit of a statement': (name) => prisma.profile.create({ data: { userId, name, bio: 'late' } }),
  pg: (name) => database.pool.query('INSERT INTO "user".profiles (user_id, name) VALUES ($1, $2)', [userId, name]),
};

const caught = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test.each(
  Object.keys(ways).flatMap((way) =>
    [
      '25006',
      '53000',
      '53100',
      '53200',
      '53300',
      '53400',
      '57014',
      '57P01',
      '57P02',
      '57P03',
      '57P05',
      '40001',
      '40P01',
    ]
      .concat(['08006', '25P03', '25P04', '55P03', '58030', '28P01'])
      .map((state) => [state, way] as const),
  ),
)('%s from %s leaves as SERVICE_UNAVAILABLE with Retry-After', async (state, way) => {
  const error = await caught(ways[way]!(state));
  expect(error).toBeInstanceOf(Error);
  expect(isDatabaseAway(error), String(error)).toBe(true);
  const left = outward(error);
  expect([reasonOf(left), left.metadata.get('retry-after')]).toEqual(['SERVICE_UNAVAILABLE', '1']);
});

test.each(['23505', '42P01', '42501', '22P02', 'XX000', 'P0001'])(
  '%s is an internal error: INTERNAL',
  async (state) => {
    for (const way of Object.keys(ways)) expect(isDatabaseAway(await caught(ways[way]!(state))), way).toBe(false);
  },
);
