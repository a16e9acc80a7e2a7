import { Client } from 'pg';
import { setTimeout } from 'node:timers/promises';
import { connection } from '#kit/db/database.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Load, Spec } from '../load/work.ts';
import { startLoader } from '../measure/loader.ts';
import type { Bench, Facts } from './bench.ts';

/** Time of a commit, us: before its write to the disk, each group of commits waits this long. */
const commitTime = 3_000;
/** Warm-up and load of a case, s. */
const [warmUp, seconds] = [2, 4];

const names = { event: 'audit events', session: 'sessions opened, each with an audit event and an event' } as const;

/** Measures audited acts with slow commits, at one replica and at two, with 8 and with 32 connections each. */
export async function audit(bench: Bench): Promise<Facts[]> {
  const facts: Facts[] = [];
  for (const act of ['event', 'session'] as const) {
    const rows = [];
    for (const connections of [8, 32]) {
      for (const replicas of [1, 2]) rows.push(...(await measureCase(bench, { act, connections, replicas })));
    }
    facts.push({ title: `Audited acts with commits of ${commitTime / 1_000} ms: ${names[act]}`, facts: rows });
  }
  return facts;
}

async function measureCase(
  bench: Bench,
  { act, connections, replicas }: { act: keyof typeof names; connections: number; replicas: number },
) {
  const { environment, database } = await bench.place('audit');
  const url = new Secret(environment['DATABASE_URL'] ?? '');
  await migrate({ url, ...migrationsOf('auth'), log: silentLog });
  const db = new Client(connection(url));
  await db.connect();
  await db.query(`ALTER DATABASE ${database} SET commit_delay = ${commitTime}`);
  await db.query(`ALTER DATABASE ${database} SET commit_siblings = 0`);
  const spec: Spec = { kind: 'audited', databaseUrl: url.reveal(), connections, act };
  const loaders = Array.from({ length: replicas }, startLoader);
  try {
    await Promise.all(loaders.map(({ ask }) => ask({ do: 'open', spec })));
    const run = (time: number): Promise<Load[]> =>
      Promise.all(loaders.map((loader) => loader.run({ chains: connections, seconds: time })));
    await run(warmUp);
    const before = bench.postgresCpu();
    const loads = await run(seconds);
    const cpu = bench.postgresCpu() - before;
    await assertChained(db);
    const operations = loads.reduce((sum, load) => sum + load.operations, 0);
    const rate = loads.reduce((sum, load) => sum + load.operations / load.seconds, 0);
    const of = `${replicas === 1 ? 'one replica' : 'two replicas'}, ${connections} connections${replicas === 1 ? '' : ' each'}`;
    await Promise.all(loaders.map(({ ask }) => ask({ do: 'close' })));
    return [
      { name: `${of}, acts a second`, value: rate, unit: '' },
      { name: `${of}, p99`, value: Math.max(...loads.map(({ p99 }) => p99)), unit: 'ms' },
      { name: `${of}, CPU time of PostgreSQL per act`, value: cpu / operations, unit: 'µs' },
      {
        name: `${of}, CPU time of the replicas per act`,
        value: loads.reduce((sum, load) => sum + load.cpu, 0) / operations,
        unit: 'µs',
      },
    ];
  } finally {
    for (const loader of loaders) loader.stop();
    await db.end();
  }
}

/** Waits until the events that were written are in the chain. @throws Error where they are not within 10 s */
async function assertChained(db: Client): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { rowCount } = await db.query('SELECT FROM auth.audit_unchained LIMIT 1');
    if (rowCount === 0) return;
    await setTimeout(100);
  }
  throw new Error('audit events were not chained');
}
