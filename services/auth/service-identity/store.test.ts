import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Sql } from '#kit/store/sql.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { watched } from '#kit/testing/watched.ts';
import { system } from '../audit/rules/events.ts';
import { createAssertionStore } from './store.ts';

let fresh: FreshDatabase;
let replicas: Database[];
beforeAll(async () => {
  fresh = await freshDatabase();
  replicas = ['one', 'two'].map((name) => openDatabase({ url: fresh.url, applicationName: name, log: silentLog }));
  await replicas[0]?.pool.query(`INSERT INTO auth.roles (name, scopes) VALUES ('clerk', '{orders:read,users:read}')`);
});
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.close()));
  await fresh.drop();
});

const assertion = () => ({ id: randomUUID(), expiresAt: new Date(Date.now() + 60_000) });

async function audited(service: string): Promise<unknown[] | undefined> {
  const events = await replicas[0]?.pool.query(
    `SELECT kind, outcome, actor_id FROM auth.audit_events WHERE subject_id = $1`,
    [service],
  );
  return events?.rows;
}

test('a use is one statement: it returns the scopes of the roles and is audited', async () => {
  const seen: Sql[] = [];
  const [replica] = replicas;
  const store = createAssertionStore(watched(replica!.statements, (statement) => seen.push(statement)));
  const scopes = await store.use(assertion(), { name: 'reports', roles: ['clerk', 'unknown'] }, system);
  expect([scopes, seen.length]).toEqual([['orders:read', 'users:read'], 1]);
  expect(await audited('reports')).toEqual([{ kind: 'service_login', outcome: 'success', actor_id: 'reports' }]);
});

test('of fifty concurrent uses at two replicas one succeeds, and only that one is audited', async () => {
  const [one, service] = [assertion(), { name: 'billing', roles: [] }];
  const stores = replicas.map(({ statements }) => createAssertionStore(statements));
  const uses = Array.from({ length: 25 }, () => stores.map((store) => store.use(one, service, system))).flat();
  const results = await Promise.all(uses);
  expect(results.filter((scopes) => scopes !== undefined)).toEqual([[]]);
  expect(await audited('billing')).toHaveLength(1);
});

test('services may use the same id', async () => {
  const [one, store] = [assertion(), createAssertionStore(replicas[0]!.statements)];
  expect(await store.use(one, { name: 'red', roles: [] }, system)).toEqual([]);
  expect(await store.use(one, { name: 'blue', roles: [] }, system)).toEqual([]);
});
