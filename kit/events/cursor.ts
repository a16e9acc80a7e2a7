import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Position } from './log-page.ts';
import { tableOf } from './tables.ts';

/** Persistence of how far a consumer has applied each producer's events. */
export interface CursorStore {
  /** The cursor; that of the beginning where the source was never followed. */
  read(): Promise<Position>;
  /**
   * Moves the cursor in the transaction of the effects, where it still is at `from` and no other transaction is moving
   * it. It never waits for another replica. Resolves to whether it moved.
   */
  move(tx: Statements, from: Position, to: Position): Promise<boolean>;
}

/**
 * Creates the store of a consumer's cursor.
 * @param consumer the consumer's schema, which is its name
 * @param source the name of the producer
 * @throws Error where the consumer is not the plain name of a schema
 */
export function createCursorStore(db: Statements, consumer: string, source: string): CursorStore {
  const cursors = tableOf(consumer, 'event_cursors');
  return {
    async read() {
      const found = await findCursor(db, consumer, source);
      if (found) return found;
      // Of replicas that start at once, each finds the row of the first.
      await db.$executeRaw(sql`INSERT INTO ${cursors} (source) VALUES (${source}) ON CONFLICT DO NOTHING`);
      const made = await findCursor(db, consumer, source);
      if (!made) throw new Error(`the cursor of ${source} was deleted while it was made`);
      return made;
    },
    async move(tx, from, to) {
      const moved = await tx.$executeRaw(sql`
        UPDATE ${cursors} c
        SET history = ${to.history}::uuid, position = ${to.position}, last_id = ${orNull(to.lastId)}::uuid
        FROM (
          SELECT source FROM ${cursors}
          WHERE source = ${source} AND position = ${from.position}
            AND history IS NOT DISTINCT FROM ${orNull(from.history)}::uuid
            AND last_id IS NOT DISTINCT FROM ${orNull(from.lastId)}::uuid
          FOR UPDATE SKIP LOCKED
        ) AS free
        WHERE c.source = free.source`);
      return moved === 1;
    },
  };
}

/** Reads a consumer's cursor; undefined where the source was never followed. */
export async function findCursor(
  db: Pick<Statements, '$queryRaw'>,
  consumer: string,
  source: string,
): Promise<Position | undefined> {
  const [found] = await db.$queryRaw<Position[]>(sql`
    SELECT coalesce(history::text, '') AS history, position, coalesce(last_id::text, '') AS "lastId"
    FROM ${tableOf(consumer, 'event_cursors')} WHERE source = ${source}`);
  return found;
}

/**
 * Sets a consumer's cursor to a position of a producer's log as that log is now: `signet events adopt`. The events up
 * to the position count as applied, and those behind it are applied next. A consumer that stopped resumes.
 * @param consumer the consumer's schema, which is its name
 * @param source the name of the producer
 * @param position 0 or more; 0 is the beginning of the log
 * @returns false where the consumer has never followed the source
 */
export async function adopt(
  db: Pick<Statements, '$executeRaw'>,
  consumer: string,
  source: string,
  position: bigint,
): Promise<boolean> {
  // The next response sets the history.
  const adopted = await db.$executeRaw(sql`
    UPDATE ${tableOf(consumer, 'event_cursors')} SET history = NULL, position = ${position}, last_id = NULL
    WHERE source = ${source}`);
  return adopted === 1;
}

/** Tells whether two positions are the same one. */
export function isSame(one: Position, other: Position): boolean {
  return one.history === other.history && one.position === other.position && one.lastId === other.lastId;
}

function orNull(id: string): string | null {
  return id === '' ? null : id;
}
