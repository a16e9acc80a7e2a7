import { tableOf } from '#kit/events/tables.ts';
import type { Statements } from '#kit/store/statements.ts';
import { type Sql, sql } from '#kit/store/sql.ts';

/**
 * Returns the statement that locks the rows of users in a service's table `owners`, and inserts missing ones. It returns
 * `user_id` of the users whose data was not erased. A write of a user's data takes its `user_id` from this statement, as a
 * CTE or earlier in its transaction: a write that races with the erasure then either precedes it and is erased, or
 * writes nothing.
 *
 *     WITH owner AS (${livingOwners('cart', [userId])})
 *     INSERT INTO cart.items (user_id, ...) SELECT user_id, ... FROM owner
 *
 * @param schema the service's schema, which is its name
 */
export function livingOwners(schema: string, userIds: readonly string[]): Sql {
  const owners = tableOf(schema, 'owners');
  // In one order, so that two transactions do not deadlock.
  return sql`
    INSERT INTO ${owners} AS o (user_id)
    SELECT DISTINCT id FROM unnest(${[...userIds]}::uuid[]) AS id ORDER BY id
    ON CONFLICT (user_id) DO UPDATE SET user_id = o.user_id WHERE o.erased_at IS NULL
    RETURNING o.user_id`;
}

/** Persistence of the tombstones of erased users. */
export interface Tombstones {
  /** Writes tombstones in a transaction, which waits for writes of these users. Idempotent. */
  write(tx: Statements, userIds: readonly string[]): Promise<void>;
  /** Users whose erasure is not confirmed, oldest first. */
  unconfirmed(take: number): Promise<string[]>;
  confirm(userId: string): Promise<void>;
}

/** Creates the store of tombstones in a service's table `owners`. */
export function createTombstones(db: Statements, schema: string): Tombstones {
  const owners = tableOf(schema, 'owners');
  return {
    async write(tx, userIds) {
      await tx.$executeRaw(sql`
        INSERT INTO ${owners} AS o (user_id, erased_at)
        SELECT DISTINCT id, now() FROM unnest(${[...userIds]}::uuid[]) AS id ORDER BY id
        ON CONFLICT (user_id) DO UPDATE SET erased_at = coalesce(o.erased_at, excluded.erased_at)`);
    },
    async unconfirmed(take) {
      const rows = await db.$queryRaw<{ id: string }[]>(sql`
        SELECT user_id::text AS id FROM ${owners}
        WHERE erased_at IS NOT NULL AND confirmed_at IS NULL ORDER BY erased_at LIMIT ${take}`);
      return rows.map(({ id }) => id);
    },
    async confirm(userId) {
      await db.$executeRaw(sql`UPDATE ${owners} SET confirmed_at = now() WHERE user_id = ${userId}::uuid`);
    },
  };
}
