import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { type Log, silentLog } from '#kit/log/log.ts';
import { emptyDatabase } from '#kit/testing/postgres.ts';
import { migrate, migrationStatus } from '../migrate.ts';

/** A directory of migrations for the schema "shop", and a database for them. */
export type Shop = Awaited<ReturnType<typeof openShop>>;

/** Creates an empty database and a directory with two migrations, which make the tables `one` and `two`. */
export async function openShop() {
  const database = await emptyDatabase();
  const directory = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  const file = (name: string, of = 'migration.sql') => path.join(directory, name, of);
  const options = { url: database.url, schema: 'shop', directory };

  /** Adds a migration, which says its oldest release if one is given. */
  async function add(name: string, sql: string, oldestRelease?: string): Promise<void> {
    await mkdir(path.join(directory, name));
    await writeFile(file(name), sql);
    if (oldestRelease !== undefined) await writeFile(file(name, 'oldest-release'), `${oldestRelease}\n`);
  }

  await add('20260101000000_one', 'CREATE TABLE one (id int);');
  await add('20260102000000_two', 'CREATE TABLE two (id int);\nINSERT INTO one VALUES (1);');

  async function connect(): Promise<Client> {
    const client = new Client(database.url.reveal());
    // A test may end its connection in the server.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  return {
    database,
    directory,
    file,
    add,
    connect,
    remove: (name: string) => rm(path.join(directory, name), { recursive: true }),
    run: (log: Log = silentLog, release?: string) =>
      migrate({ ...options, log, ...(release === undefined ? {} : { release }) }),
    status: (release?: string) => migrationStatus({ ...options, ...(release === undefined ? {} : { release }) }),
    async query(sql: string): Promise<unknown[]> {
      const client = await connect();
      try {
        return (await client.query<Record<string, unknown>>(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async close(): Promise<void> {
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
}
