import { Client } from 'pg';
import { expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { connection, openDatabase } from '#kit/db/database.ts';
import { createSequencer } from '#kit/events/sequencer.ts';
import { silentLog } from '#kit/log/log.ts';
import { migrateBefore, migrateRest } from '#kit/testing/earlier.ts';
import { emptyDatabase } from '#kit/testing/postgres.ts';
import { createRevocationStore, revocationSequence } from './revocations.ts';

test('the revocations of earlier releases keep their numbers and ids, and the numbers go on', async () => {
  const fresh = await emptyDatabase();
  await migrateBefore(fresh.url, 'auth', '20261126170000_revocations_in_batches');
  const root = new Client(connection(fresh.url));
  await root.connect();
  const revoke = (target: string) => root.query(`SELECT auth.revoke('session', $1, NULL, interval '1 hour')`, [target]);
  await revoke('one');
  await revoke('two');
  const { rows: before } = await root.query('SELECT sequence, id, target FROM auth.revocations ORDER BY sequence');
  await migrateRest(fresh.url, 'auth');
  const { rows: after } = await root.query('SELECT sequence, id, target FROM auth.revocations ORDER BY sequence');
  expect(after).toEqual(before);
  await revoke('three');
  const database = openDatabase({ url: fresh.url, applicationName: 'revocations-test', log: silentLog });
  const db = new PrismaClient(database.prisma);
  expect(await createSequencer(db, revocationSequence)()).toBe(1);
  const store = createRevocationStore(db);
  expect((await store.after(0n, 10)).map(({ sequence, id }) => [sequence, id])).toEqual([
    [1n, before[0].id],
    [2n, before[1].id],
    [3n, (await store.head()).lastId],
  ]);
  await root.end();
  await database.close();
  await fresh.drop();
});
