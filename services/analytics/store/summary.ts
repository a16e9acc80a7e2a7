import { sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { Measures, SummaryStore } from '../domain/summary.ts';

/** Creates the store that measures days from the read models. It never reads facts. */
export function createSummaryStore(db: Transactional): SummaryStore {
  return {
    async measure(starts) {
      // Seconds, because the text of a Date behind the year 9999 is not one of PostgreSQL.
      const seconds = starts.map((start) => String(start.getTime() / 1_000));
      const bounds = sql`ARRAY(SELECT to_timestamp(s) FROM unnest(${seconds}::float8[]) WITH ORDINALITY AS u (s, n) ORDER BY n)`;
      const within = sql`at >= to_timestamp(${seconds.at(0)}::float8) AND at < to_timestamp(${seconds.at(-1)}::float8)`;
      const day = sql`width_bucket(at, ${bounds}) - 1`;
      return db.$transaction(
        async (tx) => ({
          counts: await tx.$queryRaw<Measures['counts']>`
            SELECT day, kind, sum(count)::int AS count
            FROM (SELECT ${day} AS day, kind, count FROM analytics.counts WHERE ${within}) AS c
            GROUP BY GROUPING SETS ((day, kind), (kind))`,
          // A scan of the index for each day, and one for the range: distinct users of days do not add up.
          active: await tx.$queryRaw<Measures['active']>`
            SELECT n::int - 1 AS day, (
              SELECT count(DISTINCT visitor)::int FROM analytics.activity
              WHERE at >= to_timestamp(start) AND at < to_timestamp("end")
            ) AS users
            FROM unnest(${seconds.slice(0, -1)}::float8[], ${seconds.slice(1)}::float8[]) WITH ORDINALITY AS d (start, "end", n)
            UNION ALL
            SELECT NULL, count(*)::int FROM (SELECT FROM analytics.activity WHERE ${within} GROUP BY visitor) AS v`,
          revenue: await tx.$queryRaw<Measures['revenue']>`
            SELECT day, currency, sum(amount)::text AS amount
            FROM (SELECT ${day} AS day, currency, amount FROM analytics.revenue WHERE ${within}) AS r
            GROUP BY GROUPING SETS ((day, currency), (currency)) ORDER BY currency`,
        }),
        // One snapshot, so that the figures of a day agree.
        { isolationLevel: 'RepeatableRead' },
      );
    },
  };
}
