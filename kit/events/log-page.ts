import { failure } from '#kit/errors/failure.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { tableOf } from './tables.ts';

/** A place in a producer's log. */
export interface Position {
  /** UUID of the log; empty where it is not known yet. */
  readonly history: string;
  readonly position: bigint;
  /** Id of the event at the position; empty at 0, or where it is not known yet. */
  readonly lastId: string;
}

/** An event's row, with a position. */
export interface EventRow {
  readonly position: bigint;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly at: Date;
  readonly data: Uint8Array;
}

/** A part of a producer's log. */
export interface LogPage {
  /** Where it ends. */
  readonly end: Position;
  /** Position of the newest event. */
  readonly head: bigint;
  /** The events of the types that were asked for, in their order. */
  readonly events: readonly EventRow[];
}

/** Most events of a page, those of other types included. */
const pageSize = 500;
/** Bytes of a page after which no further event is added to it: a gRPC client takes messages of at most 4 MiB. */
const pageBytes = 512 * 1024;

/** A row of the log, or of an empty page: all but the head is null. */
type Row = {
  readonly history: string;
  readonly head: bigint;
} & { readonly [Name in keyof EventRow]: EventRow[Name] | null };

/**
 * Creates the function that reads the page behind a position, in one statement. Its row at the position itself is
 * compared with the position's id, so that a log which lost commits in a failover is noticed.
 * @throws EVENT_HISTORY where the position is not one of this log
 * @throws EVENTS_GONE where events behind the position were deleted
 */
export function createLogReader(db: Statements, schema: string) {
  const [events, head] = [tableOf(schema, 'events'), tableOf(schema, 'event_head')];
  return async (from: Position, types: readonly string[] | 'all'): Promise<LogPage> => {
    const wanted = types === 'all' ? sql`true` : sql`type = ANY(${[...types]}::text[])`;
    const rows = await db.$queryRaw<Row[]>(sql`
      SELECT h.history, h.position AS head, e.* FROM ${head} h LEFT JOIN LATERAL (
        SELECT position, id, type, subject, at, CASE WHEN ${wanted} THEN data END AS data
        FROM ${events} WHERE position >= ${from.position} ORDER BY position LIMIT ${pageSize + 1}
      ) e ON true WHERE h.one`);
    return pageOf(rows, from);
  };
}

/** Creates the function that reads the end of a log. Its `lastId` is empty where the event was deleted. */
export function createHeadReader(db: Statements, schema: string) {
  const [events, head] = [tableOf(schema, 'events'), tableOf(schema, 'event_head')];
  return async (): Promise<Position> => {
    const [found] = await db.$queryRaw<Position[]>(sql`
      SELECT h.history, h.position, coalesce(e.id::text, '') AS "lastId"
      FROM ${head} h LEFT JOIN ${events} e ON e.position = h.position WHERE h.one`);
    if (!found) throw new Error('the table event_head has no row');
    return found;
  };
}

function pageOf(rows: readonly Row[], from: Position): LogPage {
  const [first] = rows;
  if (!first) throw new Error('the table event_head has no row');
  const { history, head } = first;
  const isAt = first.position === from.position;
  const next = fitting((isAt ? rows.slice(1) : rows).slice(0, pageSize));
  const known = { head: String(head) };
  const isForeign =
    (from.history !== '' && from.history !== history) ||
    from.position > head ||
    (isAt && from.lastId !== '' && from.lastId !== first.id);
  if (isForeign) throw failure('EVENT_HISTORY', { metadata: known });
  const oldest = next[0]?.position ?? undefined;
  if (head > from.position && oldest !== from.position + 1n) {
    throw failure('EVENTS_GONE', { metadata: { ...known, ...(oldest ? { oldest: String(oldest) } : {}) } });
  }
  const last = next.at(-1);
  const lastId = last?.id ?? (isAt ? (first.id ?? '') : from.lastId);
  return {
    end: { history, position: last?.position ?? from.position, lastId },
    head,
    // Without data: of another type, or the one row of an empty page.
    events: next.filter((row): row is Row & EventRow => row.data !== null),
  };
}

/** The first rows, until they are as large as a page may be. */
function fitting(rows: readonly Row[]): readonly Row[] {
  let bytes = 0;
  const large = rows.findIndex((row) => (bytes += row.data?.length ?? 0) >= pageBytes);
  return large < 0 ? rows : rows.slice(0, large + 1);
}
