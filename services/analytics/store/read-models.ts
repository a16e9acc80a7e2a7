import { type Sql, sql } from '#kit/store/sql.ts';

/**
 * The statements that add to the read models. Each reads a relation `taken`, which has the columns of facts or of tracked
 * events, and is used by the statement that inserts those, and by the rebuild. Rows are written in one order, so that
 * concurrent statements do not deadlock.
 */

/** The beginning of the quarter hour of `at`. */
const quarter = sql`date_bin('15 minutes', at, 'epoch'::timestamptz)`;

/** Counts the facts of `taken` that have no amount. */
export const addCounts: Sql = sql`
  INSERT INTO analytics.counts AS c (at, kind, count)
  SELECT ${quarter}, kind, count(*) FROM taken WHERE amount IS NULL GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (at, kind) DO UPDATE SET count = c.count + excluded.count`;

/** Adds the amounts of the facts of `taken`. */
export const addRevenue: Sql = sql`
  INSERT INTO analytics.revenue AS r (at, currency, amount)
  SELECT ${quarter}, currency, sum(amount) FROM taken WHERE amount IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (at, currency) DO UPDATE SET amount = r.amount + excluded.amount`;

/** Adds the visitors of `taken`. */
export const addActivity: Sql = sql`
  INSERT INTO analytics.activity (at, visitor)
  SELECT DISTINCT ${quarter}, visitor FROM taken WHERE visitor IS NOT NULL ORDER BY 1, 2
  ON CONFLICT (at, visitor) DO NOTHING`;
