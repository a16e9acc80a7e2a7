import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { createTombstones, type Tombstones } from '#kit/erasure/owners.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { createProfileStore } from './profiles.ts';

let fresh: FreshDatabase;
let database: Database;
let db: Transactional;
let store: ReturnType<typeof createProfileStore>;
let tombstones: Tombstones;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, max: 30, applicationName: 'test', log: silentLog });
  db = database.statements;
  store = createProfileStore(db);
  tombstones = createTombstones(db, 'user');
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const ada = { name: 'Ada', bio: 'Wrote a program.', phone: '', locale: 'en' };

/** Inserts profiles, or erases them, in a transaction of the event's kind. */
const insert = (...ids: string[]) => db.$transaction((tx) => store.insert(ids, tx));
const erase = (...ids: string[]) =>
  db.$transaction(async (tx) => {
    await tombstones.write(tx, ids);
    await store.erase(ids, tx);
  });

async function profilesOf(userId: string): Promise<number> {
  return (await database.pool.query('SELECT FROM "user".profiles WHERE user_id = $1', [userId])).rows.length;
}

test('a registration inserts an empty profile once, and no update is lost to it', async () => {
  const [id, early] = [randomUUID(), randomUUID()];
  expect(await store.find(id)).toBeUndefined();
  await store.update(early, { bio: 'first' });
  await Promise.all([insert(id, early), insert(early, id)]);
  expect(await store.find(id)).toEqual({ name: undefined, bio: '', phone: '', locale: '' });
  expect(await store.find(early)).toMatchObject({ bio: 'first' });
});

test('an update writes only the given fields', async () => {
  const id = randomUUID();
  await insert(id);
  expect(await store.update(id, ada)).toEqual(ada);
  expect(await store.update(id, { phone: '+4915112345678', bio: '' })).toEqual({
    ...ada,
    phone: '+4915112345678',
    bio: '',
  });
});

test('50 concurrent updates each keep their field, with and without a row', async () => {
  for (const id of [randomUUID(), randomUUID()]) {
    const fields = ['name', 'bio', 'phone', 'locale'] as const;
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index === 10 ? insert(id) : store.update(id, { [fields[index % 4]!]: `of ${fields[index % 4]}` }),
      ),
    );
    expect(await store.find(id)).toEqual({ name: 'of name', bio: 'of bio', phone: 'of phone', locale: 'of locale' });
  }
});

test('50 writes concurrent with an erasure leave no profile, in any commit order', async () => {
  for (let round = 0; round < 20; round++) {
    const id = randomUUID();
    if (round % 2) await insert(id);
    const works = Array.from({ length: 50 }, (_, index) => {
      if (index === (round * 7) % 50) return erase(id);
      return index % 2 ? insert(id) : store.update(id, { bio: 'written' });
    });
    await Promise.all(works);
    expect([await profilesOf(id), await store.update(id, { name: 'Ada' })]).toEqual([0, undefined]);
  }
});
