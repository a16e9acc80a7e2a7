import { sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { addActivity, addCounts, addRevenue } from './read-models.ts';

/** What read models were rebuilt from. */
export interface Rebuilt {
  readonly facts: number;
  readonly trackedEvents: number;
}

/** A UTC day. */
interface Day {
  readonly from: Date;
  readonly to: Date;
}

/** Longest time for the transaction of a day, ms. */
const timeout = 60_000;

/**
 * Rebuilds the read models from the facts and the tracked events, day by day. The service may run meanwhile: a summary
 * sees each day as it was before or as it is after, and writes wait while a day is at work.
 */
export async function rebuild(db: Transactional): Promise<Rebuilt> {
  let [facts, trackedEvents] = [0, 0];
  for (const day of await daysWithRows(db)) {
    const one = await db.$transaction((tx) => rebuildDay(tx, day), { timeout });
    facts += one.facts;
    trackedEvents += one.trackedEvents;
  }
  return { facts, trackedEvents };
}

/** The UTC days that have rows, in facts or in read models. */
function daysWithRows(db: Transactional): Promise<Day[]> {
  return db.$queryRaw<Day[]>`
    SELECT day AS "from", day + interval '1 day' AS "to"
    FROM (
      SELECT DISTINCT date_trunc('day', at, 'UTC') AS day FROM (
        SELECT at FROM analytics.facts UNION ALL SELECT at FROM analytics.tracked_events
        UNION ALL SELECT at FROM analytics.counts UNION ALL SELECT at FROM analytics.revenue
        UNION ALL SELECT at FROM analytics.activity
      ) AS rows
    ) AS days
    ORDER BY day`;
}

async function rebuildDay(tx: Statements, { from, to }: Day): Promise<Rebuilt> {
  const within = sql`at >= ${from} AND at < ${to}`;
  await tx.$executeRaw`SET LOCAL lock_timeout = '30s'`;
  // Every write of a read model first writes to one of these tables. The mode also excludes another rebuild.
  await tx.$executeRaw`LOCK TABLE analytics.facts, analytics.tracked_events IN SHARE ROW EXCLUSIVE MODE`;
  await tx.$executeRaw`DELETE FROM analytics.counts WHERE ${within}`;
  await tx.$executeRaw`DELETE FROM analytics.revenue WHERE ${within}`;
  await tx.$executeRaw`DELETE FROM analytics.activity WHERE ${within}`;
  const [facts] = await tx.$queryRaw<{ count: number }[]>`
    WITH taken AS MATERIALIZED (SELECT * FROM analytics.facts WHERE ${within}),
      counted AS (${addCounts}), earned AS (${addRevenue}), active AS (${addActivity})
    SELECT count(*)::int AS count FROM taken`;
  const [trackedEvents] = await tx.$queryRaw<{ count: number }[]>`
    WITH taken AS MATERIALIZED (SELECT * FROM analytics.tracked_events WHERE ${within}), active AS (${addActivity})
    SELECT count(*)::int AS count FROM taken`;
  return { facts: facts?.count ?? 0, trackedEvents: trackedEvents?.count ?? 0 };
}
