import type { Pool } from 'pg';
import { createServerTime, type ServerTime } from '#kit/guard/server-time.ts';

/** Interval of reading a database's time, ms. */
export const clockEvery = 2_000;

/** The time of a database, in this process. */
export interface DatabaseClock extends Pick<ServerTime, 'now' | 'skew'> {
  /** Reads the time of the database. Call it every `clockEvery`. @throws Error if the database is unavailable */
  read(): Promise<void>;
}

/**
 * Creates the clock of a database. All replicas of a service share it: what one writes or signs is not in the future or
 * the past of another. Until the first `read` it is the clock of this machine.
 */
export function createDatabaseClock(pool: Pool): DatabaseClock {
  const { now, skew, sample } = createServerTime();
  return {
    now,
    skew,
    async read() {
      const { rows } = await pool.query<{ ms: number }>(
        'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
      );
      sample(rows[0]!.ms);
    },
  };
}
