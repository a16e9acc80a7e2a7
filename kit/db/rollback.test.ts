import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '#kit/log/log.ts';
import { assertMigrated } from './migrate.ts';
import { openShop, type Shop } from './testing/shop.ts';

const later = '20260103000000_later';

let shop: Shop;
let lines: { readonly level: number; readonly migrations?: unknown }[];
const log = createLog({
  level: 'warn',
  format: 'json',
  destination: { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
});

beforeEach(async () => {
  lines = [];
  shop = await openShop();
});
afterEach(() => shop.close());

/** Applies a migration of a newer release, and removes its file, as in a process of an older one. */
async function newerRelease(oldestRelease?: string): Promise<void> {
  await shop.add(later, 'ALTER TABLE one ADD COLUMN more int', oldestRelease);
  await shop.run();
  await shop.remove(later);
}

test.each(['1.2.0', '1.2.1', '1.10.0', '2.0.0', '1.2.0-rc.1'])(
  'code of %s starts on a database whose migrations work with 1.2.0, and warns once with their names',
  async (release) => {
    await newerRelease('1.2.0');
    expect(await shop.run(log, release)).toEqual({ applied: [] });
    expect(lines).toMatchObject([{ migrations: [later] }]);
    expect(await shop.status(release)).toMatchObject({ newer: [later], pending: [], problems: [] });
  },
);

test.each(['1.1.9', '1.2.0-rc.1', '0.10.0'])(
  'code of %s refuses it if they need 1.10.0, and says so',
  async (release) => {
    await newerRelease('1.10.0');
    await expect(shop.run(log, release)).rejects.toThrow(
      `${later} is in the database but not in the directory: this code (${release}) is older than the database. ` +
        'Start release 1.10.0 or a newer one, or restore a backup from before the migration',
    );
    expect(lines).toEqual([]);
  },
);

test.each([['none'], [undefined]])('any older code refuses a migration whose oldest release is %s', async (oldest) => {
  await newerRelease(oldest);
  await expect(shop.run(log, '999.0.0')).rejects.toThrow('Start the release that has it or a newer one');
});

test('older code applies no migration to a newer database', async () => {
  await newerRelease('1.0.0');
  await shop.add('20260102000001_branch', 'CREATE TABLE branch (id int)', '1.0.0');
  await expect(shop.run(log, '1.0.0')).rejects.toThrow('20260102000001_branch is pending, but a newer release');
  expect(await shop.query(`SELECT to_regclass('shop.branch') AS found`)).toEqual([{ found: null }]);
});

test('a release that is stated later is recorded for what was applied before, also by code that recorded none', async () => {
  await shop.run();
  await shop.query('ALTER TABLE shop._prisma_migrations DROP COLUMN oldest_release');
  expect(await shop.status()).toMatchObject({ pending: [], problems: [] });
  await writeFile(shop.file('20260102000000_two', 'oldest-release'), '1.0.0');
  await shop.run();
  await shop.remove('20260102000000_two');
  expect(await shop.run(log, '1.0.0')).toEqual({ applied: [] });
  expect(lines).toMatchObject([{ migrations: ['20260102000000_two'] }]);
});

test('an older release that starts later leaves the oldest releases that a newer one recorded', async () => {
  const recorded = () => shop.query('SELECT oldest_release FROM shop._prisma_migrations ORDER BY migration_name');
  await writeFile(shop.file('20260101000000_one', 'oldest-release'), '1.2.0');
  await shop.run();
  await writeFile(shop.file('20260101000000_one', 'oldest-release'), '1.0.0');
  await writeFile(shop.file('20260102000000_two', 'oldest-release'), '1.1.0');
  await shop.run();
  expect(await recorded()).toEqual([{ oldest_release: '1.2.0' }, { oldest_release: '1.1.0' }]);
  await writeFile(shop.file('20260101000000_one', 'oldest-release'), 'none');
  await shop.run();
  expect(await recorded()).toEqual([{ oldest_release: '1.2.0' }, { oldest_release: '1.1.0' }]);
});

test.each(['1.2', 'v1.2.0', '1.2.0-rc.1', 'None', ''])('refuses a file with %j', async (text) => {
  await writeFile(shop.file('20260102000000_two', 'oldest-release'), text);
  await expect(shop.run()).rejects.toThrow('oldest-release: must be a release such as 1.2.0, or none');
});

test('without the right to migrate, a service starts on a database that has its migrations and on a newer one only', async () => {
  const check = (release?: string) =>
    assertMigrated({
      url: shop.database.url,
      schema: 'shop',
      directory: shop.directory,
      log,
      ...(release === undefined ? {} : { release }),
    });
  await expect(check()).rejects.toThrow(
    'the database lacks migrations of shop: 20260101000000_one, 20260102000000_two. SIGNET_MIGRATE is off',
  );
  expect(await shop.query(`SELECT FROM pg_namespace WHERE nspname = 'shop'`)).toEqual([]);
  await shop.run();
  await check();
  expect(lines).toEqual([]);
  await newerRelease('1.2.0');
  await check('1.2.0');
  expect(lines).toMatchObject([{ migrations: [later] }]);
  await expect(check('1.1.0')).rejects.toThrow('is older than the database');
});
