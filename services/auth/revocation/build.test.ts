import { afterEach, beforeEach, expect, test } from 'vitest';
import { PrismaClient } from '#gen/prisma/auth/client.ts';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { listen } from '#kit/db/listen.ts';
import { silentLog } from '#kit/log/log.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { startWork } from '#kit/work/work.ts';
import type { Ground } from '../ground.ts';
import { buildRevocation } from './build.ts';

let fresh: FreshDatabase;
let database: Database;
const replicas: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, applicationName: 'revocation-test', log: silentLog });
  await database.clock.read();
});
afterEach(async () => {
  for (const { close } of replicas.splice(0)) await close();
  await database.close();
  await fresh.drop();
});

/** A replica that numbers and reads revocations. */
async function openReplica(numbers = true) {
  const db = new PrismaClient(database.prisma);
  const room = await buildRevocation({ db, statements: database.statements, clock: database.clock } as Ground);
  const work = room.work.filter(({ name }) => numbers || name !== 'number revocations');
  const running = startWork(work, { log: silentLog, metrics: noMetrics });
  const heard = listen({
    url: fresh.url,
    applicationName: 'revocation-test',
    heard: { signet_revocations: room.changed },
    log: silentLog,
  });
  const replica = {
    known: room.known,
    async close() {
      room.close();
      await Promise.all([heard.close(), running.close()]);
    },
  };
  replicas.push(replica);
  return replica;
}

const tokenOf = (sid: string) => ({ sub: 'ada', sid, jti: 'token', kid: 'key', roles: [], iat: 0 });

// The same row as that of a process that is killed right after its commit: no process announces it.
test('a revocation that no process announces reaches all replicas within a second', async () => {
  const [one, other] = [await openReplica(), await openReplica()];
  for (let round = 0; round < 5; round++) {
    await database.pool.query(`SELECT auth.revoke('session', 's${round}', NULL, interval '1 hour')`);
    const isKnown = () => [one, other].map(({ known }) => known.isRevoked(tokenOf(`s${round}`)));
    await expect.poll(isKnown, { timeout: 1_000, interval: 5 }).toEqual([true, true]);
  }
});

test('a replica that cannot number has the revocations that another one numbers', async () => {
  const reader = await openReplica(false);
  await database.pool.query(`SELECT auth.revoke('session', 'early', NULL, interval '1 hour')`);
  await reader.known.pull();
  expect(reader.known.isRevoked(tokenOf('early')), 'before a replica numbers').toBe(false);
  await openReplica();
  await expect.poll(() => reader.known.isRevoked(tokenOf('early')), { timeout: 10_000 }).toBe(true);
});
