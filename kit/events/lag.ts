import { sql } from '#kit/store/sql.ts';
import { tableOf } from './tables.ts';
import type { Statements } from '#kit/store/statements.ts';

/** How far a consumer is behind a producer's log. */
export interface Behind {
  /** Position up to which the consumer has applied events; undefined if it has never followed the producer. */
  readonly position: bigint | undefined;
  /** Position of the newest numbered event. */
  readonly head: bigint;
  /** When the oldest event was recorded that the consumer has not passed; undefined if it has passed all. */
  readonly since: Date | undefined;
}

/**
 * Reads how far a consumer is behind, from the tables of both: for an operator, without a running process.
 * @param to the database of the consumer, and that of the producer
 */
export async function behind(
  to: { readonly consumer: Pick<Statements, '$queryRaw'>; readonly source: Pick<Statements, '$queryRaw'> },
  consumer: string,
  source: string,
): Promise<Behind> {
  const [cursor] = await to.consumer.$queryRaw<{ position: string }[]>(
    sql`SELECT position::text FROM ${tableOf(consumer, 'event_cursors')} WHERE source = ${source}`,
  );
  const [head] = await to.source.$queryRaw<{ position: string; since: Date | null }[]>(sql`
    SELECT h.position::text, (
      SELECT e.at FROM ${tableOf(source, 'events')} e WHERE e.position > ${cursor?.position ?? '0'}::bigint
      ORDER BY e.position LIMIT 1
    ) AS since
    FROM ${tableOf(source, 'event_head')} h WHERE h.one`);
  return {
    position: cursor && BigInt(cursor.position),
    head: BigInt(head?.position ?? 0),
    since: head?.since ?? undefined,
  };
}
