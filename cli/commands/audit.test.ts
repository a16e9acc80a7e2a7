import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, openSystem, type System } from '../../test/system.ts';
import { as, run } from '../testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

const asAdmin = (...args: string[]) => run(args, { environment: as(system) });

test('lists events, newest first, filtered by actor, kind and time', async () => {
  const ada = await system.person();
  const listed = await asAdmin('audit', 'list', '--kind', 'login', '--actor', ada.email, '--from', '1h', '--json');
  expect([listed.exit, listed.stderr]).toEqual([0, '']);
  expect(listed.json().events).toEqual([
    expect.objectContaining({ kind: 'login', outcome: 'success', actor_id: ada.id }),
  ]);
  const table = await asAdmin('audit', 'list', '--limit', '1');
  expect(table.stdout).toMatch(/^TIME +KIND +OUTCOME +ACTOR +SUBJECT +ADDRESS +DETAILS\n\S+ +login +success /);
  const past = await asAdmin('audit', 'list', '--to', '2026-01-01', '--json');
  expect(past.json()).toEqual({ events: [], next_page_token: '' });
});

test('the table shows parties that are accounts by their email, and others by their id', async () => {
  const ada = await system.staff('support');
  const granted = await asAdmin('audit', 'list', '--kind', 'role_granted', '--subject', ada.email);
  expect(granted.stdout).toMatch(new RegExp(`role_granted +success +${admin.email} +${ada.email} `));
  const created = await asAdmin('audit', 'list', '--kind', 'key_created');
  const { json } = await asAdmin('keys', 'list', '--json');
  expect(created.stdout).toMatch(new RegExp(`key_created +success +- +${json().keys[0].kid} `));
});

test('verifies the chain and prints its head', async () => {
  const verified = await asAdmin('audit', 'verify');
  expect([verified.exit, verified.stderr]).toEqual([0, '']);
  expect(verified.stdout).toMatch(/^events +\d+\nfirst +1\nhead +[0-9a-f]{64}@\d+\nunchained +\d+\nfaults +0\n$/);
  const { json } = await asAdmin('audit', 'verify', '--json');
  expect(json()).toMatchObject({ faults: [], next_position: '0', head_hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test('detects a log that is shorter than the expected head', async () => {
  const { exit, stderr } = await asAdmin('audit', 'verify', '--expect', `${'0'.repeat(64)}@999999`);
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/^signet: the log was truncated: it ends at \d+/)]);
});

test('accepts a log that has grown past the expected head, and rejects a rewritten one', async () => {
  const { json } = await asAdmin('audit', 'verify', '--json');
  const { head_hash: hash, head_position: position } = json();
  const same = await asAdmin('audit', 'verify', '--expect', `${hash.toUpperCase()}@${position}`);
  expect([same.exit, same.stderr]).toEqual([0, '']);
  const other = await asAdmin('audit', 'verify', '--expect', `${'0'.repeat(64)}@${position}`);
  expect([other.exit, other.stderr]).toEqual([
    1,
    `signet: the log was rewritten: event ${position} has another hash than before.\n`,
  ]);
});

test('compares a head before events that were dropped as long as its hash is kept', async () => {
  const client = new Client({ connectionString: system.database.url.reveal() });
  await client.connect();
  const { rows } = await client.query(`SELECT encode(hash, 'hex') AS hash FROM auth.audit_events WHERE position = 2`);
  // As the service does after the retention.
  await client.query(`SET session_replication_role = replica;
    UPDATE auth.audit_head SET anchor_position = 2, anchor_hash = decode('${rows[0].hash}', 'hex');
    DELETE FROM auth.audit_events WHERE position <= 2`);
  await client.end();
  const kept = await asAdmin('audit', 'verify', '--expect', `${rows[0].hash}@2`);
  expect([kept.exit, kept.stdout, kept.stderr]).toEqual([0, expect.stringMatching(/^first +3$/m), '']);
  const gone = await asAdmin('audit', 'verify', '--expect', `${rows[0].hash}@1`);
  expect([gone.exit, gone.stderr]).toEqual([
    1,
    'signet: event 1 cannot be verified: the events before 3 were dropped after their retention.\n',
  ]);
});

test('exits with 1 if an event was changed', async () => {
  const client = new Client({ connectionString: system.database.url.reveal() });
  await client.connect();
  // A superuser of the database can bypass its triggers.
  await client.query('SET session_replication_role = replica');
  await client.query(`UPDATE auth.audit_events SET actor_id = 'somebody else' WHERE position = 3`);
  await client.end();
  const { exit, stdout, stderr } = await asAdmin('audit', 'verify');
  expect([exit, stdout]).toEqual([1, expect.stringMatching(/^POSITION +EVENT +FAULT$/m)]);
  expect(stderr).toMatch(/^signet: the log was tampered with; faults: \d+\.\n$/);
});
