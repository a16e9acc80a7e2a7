import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/user/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { ProfileStore } from '../domain/profiles.ts';
import { createProfileStore } from './profiles.ts';

let fresh: FreshDatabase;
let database: Database;
let store: ProfileStore;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, max: 30, applicationName: 'test', log: silentLog });
  store = createProfileStore(new PrismaClient({ adapter: database.adapter }));
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const ada = { name: 'Ada', bio: 'Wrote a program.', phone: '', locale: 'en' };

async function rowsOf(userId: string) {
  const profiles = await database.pool.query('SELECT FROM "user".profiles WHERE user_id = $1', [userId]);
  const owners = await database.pool.query<{ erased: boolean }>(
    'SELECT erased_at IS NOT NULL AS erased FROM "user".owners WHERE user_id = $1',
    [userId],
  );
  return { profiles: profiles.rows.length, erased: owners.rows.map(({ erased }) => erased) };
}

test('inserts a profile once; further calls apply only their changes', async () => {
  const id = randomUUID();
  expect(await store.update(id, { bio: 'x' })).toBeUndefined();
  expect(await store.begin(id, ada, { bio: ada.bio })).toEqual(ada);
  expect(await store.begin(id, { ...ada, name: 'Other' }, { phone: '+4915112345678', bio: '' })).toEqual({
    ...ada,
    phone: '+4915112345678',
    bio: '',
  });
  expect(await store.update(id, { locale: 'de' })).toMatchObject({ name: 'Ada', locale: 'de' });
});

test('50 concurrent inserts each keep their field', async () => {
  const id = randomUUID();
  const fields = ['name', 'bio', 'phone', 'locale'] as const;
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const changes = { [fields[index % 4]!]: `of ${fields[index % 4]}` };
      return store.begin(id, { name: 'Ada', bio: '', phone: '', locale: '', ...changes }, changes);
    }),
  );
  expect(await store.find(id)).toEqual({ name: 'of name', bio: 'of bio', phone: 'of phone', locale: 'of locale' });
});

test('a tombstone blocks every write, whether the account had a profile or not', async () => {
  const [had, hadNone] = [randomUUID(), randomUUID()];
  await store.begin(had, ada, {});
  await store.erase([had, hadNone]);
  await store.erase([had]);
  for (const id of [had, hadNone]) {
    expect(await store.begin(id, ada, { name: 'Ada' })).toBeUndefined();
    expect(await store.update(id, { name: 'Ada' })).toBeUndefined();
    expect(await rowsOf(id)).toEqual({ profiles: 0, erased: [true] });
  }
});

test('50 writes concurrent with an erasure leave no profile, in any commit order', async () => {
  for (let round = 0; round < 20; round++) {
    const id = randomUUID();
    if (round % 2) await store.begin(id, ada, {});
    const write = (index: number) =>
      index % 2 ? store.begin(id, ada, { bio: 'written' }) : store.update(id, { bio: 'written' });
    const works = Array.from({ length: 50 }, (_, index) =>
      index === (round * 7) % 50 ? store.erase([id]) : write(index),
    );
    await Promise.all(works);
    expect(await rowsOf(id)).toEqual({ profiles: 0, erased: [true] });
  }
});

test('concurrent erasures of the same accounts do not deadlock', async () => {
  const ids = Array.from({ length: 30 }, () => randomUUID());
  for (const id of ids) await store.begin(id, ada, {});
  await Promise.all(Array.from({ length: 20 }, (_, index) => store.erase(index % 2 ? ids : ids.toReversed())));
  for (const id of ids) expect(await rowsOf(id)).toEqual({ profiles: 0, erased: [true] });
});
