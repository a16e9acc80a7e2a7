import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { openDatabase } from './database.ts';
import { createWritable } from './writable.ts';

/** A database, its check, and a manual clock. */
async function rig() {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, applicationName: 'writable', log: silentLog });
  const admin = new Client(fresh.url.reveal());
  await admin.connect();
  const clock = { now: 0 };
  let asked = 0;
  database.pool.on('acquire', () => asked++);
  onTestFinished(async () => {
    await database.close();
    await admin.end();
    await fresh.drop();
  });
  const writable = createWritable(database.pool, () => clock.now);
  const name = new URL(fresh.url.reveal()).pathname.slice(1);
  const readOnly = (value: 'on' | 'off') =>
    admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
  return { database, writable, clock, asked: () => asked, readOnly };
}

test('calls within a second share one query', async () => {
  const { writable, clock, asked } = await rig();
  const ask = () => Promise.all(Array.from({ length: 50 }, () => writable()));
  expect(new Set(await ask())).toEqual(new Set([true]));
  clock.now = 999;
  await ask();
  expect(asked()).toBe(1);
  clock.now = 1_000;
  await ask();
  expect(asked()).toBe(2);
});

test('a read-only database is not writable until it accepts writes', async () => {
  const { writable, clock, readOnly } = await rig();
  await readOnly('on');
  expect(await writable()).toBe(false);
  await readOnly('off');
  clock.now = 1_000;
  // On a new session: the previous one is still read-only.
  expect(await writable()).toBe(true);
});

test.each(['53100', '25006'])('a statement refused with %s counts for five seconds', async (state) => {
  const { database, writable, clock } = await rig();
  const refused = database.pool.query(`DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${state}'; END $$`);
  await expect(refused).rejects.toMatchObject({ code: state });
  expect(await writable()).toBe(false);
  clock.now = 4_999;
  expect(await writable()).toBe(false);
  clock.now = 5_000;
  expect(await writable()).toBe(true);
});

test('an ordinary failed statement does not count', async () => {
  const { database, writable } = await rig();
  for (const state of ['23505', '40001', '55P03', '57014']) {
    const refused = database.pool.query(`DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '${state}'; END $$`);
    await expect(refused).rejects.toMatchObject({ code: state });
  }
  expect(await writable()).toBe(true);
});

test('a check whose connection breaks releases it to the pool', async () => {
  const { database, writable, clock } = await rig();
  for (let round = 0; round < 20; round++) {
    clock.now += 1_000;
    const client = await database.pool.connect();
    const broken = new Promise((resolve) => client.once('end', resolve));
    // The pool returns this broken connection next.
    client.release();
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    expect(await writable()).toBe(false);
    await broken;
  }
  expect(database.pool.totalCount).toBe(0);
});
