import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { columns } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { where } from '#kit/store/where.ts';
import { type AuditEvent, type AuditStore, type ChainFault, faultsOf, type Link } from '../rules/log.ts';

const linkColumns = columns<Link>('', {
  position: true,
  eventId: true,
  eventExists: true,
  hashMatches: true,
  previous: true,
});

const eventColumns = columns<AuditEvent>('', {
  id: true,
  at: true,
  kind: true,
  outcome: true,
  actorId: true,
  subjectId: true,
  ip: true,
  requestId: true,
  details: true,
});

const latestFirst = descending(['at', 'timestamptz'], ['id', 'uuid']);

/** Creates the reader of the audit log in PostgreSQL. */
export function createAuditStore(db: PrismaClient): AuditStore {
  return {
    async page({ actorId, subjectId, kind, from, to }, { take, after }) {
      const wanted = where([
        keyset(latestFirst, after),
        actorId !== '' && Prisma.sql`actor_id = ${actorId}`,
        subjectId !== '' && Prisma.sql`subject_id = ${subjectId}`,
        kind !== '' && Prisma.sql`kind = ${kind}`,
        from && Prisma.sql`at >= ${from}`,
        to && Prisma.sql`at < ${to}`,
      ]);
      return db.$queryRaw<AuditEvent[]>`
        SELECT ${eventColumns} FROM auth.audit_events WHERE ${wanted} ORDER BY ${latestFirst.by} LIMIT ${take}`;
    },

    check: (from, limit) =>
      // All statements read the same snapshot; later events are verified by the next call.
      db.$transaction(
        async (tx) => {
          const { position: head, hash, anchorPosition } = await tx.auditHead.findFirstOrThrow();
          const first = anchorPosition + 1n;
          const start = from > first ? from : first;
          const end = smaller(head, start + BigInt(limit) - 1n);
          const links = await readLinks(tx, start, end);
          const isEnd = end === head;
          const unchained = await readUnchained(tx);
          const faults = [
            ...(start === first ? await readUnlinked(tx, first, head) : []),
            ...faultsOf(links, start, end),
            ...(isEnd ? unchained.faults : []),
          ];
          return {
            checked: links.length,
            faults,
            next: isEnd ? 0n : end + 1n,
            first,
            head,
            headHash: Buffer.from(hash).toString('hex'),
            previousHash: await readHash(tx, start - 1n),
            unchained: unchained.count,
          };
        },
        { isolationLevel: 'RepeatableRead', timeout: 30_000 },
      ),
  };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/**
 * The links from one position to another, each verified against the previous one: the first one of all against the
 * anchor. The last link must also have the head's hash.
 */
function readLinks(tx: Prisma.TransactionClient, from: bigint, to: bigint): Promise<Link[]> {
  return tx.$queryRaw<Link[]>`
    WITH part AS (
      SELECT position, hash, event_id, event_exists, event FROM auth.audit_links
      WHERE position BETWEEN ${from - 1n}::bigint AND ${to}::bigint
      UNION ALL
      SELECT anchor_position, anchor_hash, NULL, false, NULL::auth.audit_events FROM auth.audit_head
      WHERE anchor_position = ${from - 1n}::bigint
    ), checked AS (
      SELECT p.position, event_id, event_exists, lag(p.position) OVER w AS previous,
             p.hash IS NOT DISTINCT FROM auth.audit_hash(lag(p.hash) OVER w, p.position, event)
               AND (p.position <> h.position OR p.hash = h.hash) AS hash_matches
      FROM part p CROSS JOIN auth.audit_head h
      WINDOW w AS (ORDER BY p.position)
    )
    SELECT ${linkColumns} FROM checked WHERE position >= ${from}::bigint ORDER BY position`;
}

/** The hash at a position in hexadecimal; empty at the start of the log, and where an event is missing. */
async function readHash(tx: Prisma.TransactionClient, position: bigint): Promise<string> {
  const [row] = await tx.$queryRaw<{ hash: string }[]>`
    SELECT encode(hash, 'hex') AS hash FROM auth.audit_links WHERE position = ${position}::bigint
    UNION ALL
    SELECT encode(anchor_hash, 'hex') FROM auth.audit_head WHERE anchor_position = ${position}::bigint LIMIT 1`;
  return row?.hash ?? '';
}

/** Events that were inserted beside the chain. */
async function readUnlinked(tx: Prisma.TransactionClient, first: bigint, head: bigint): Promise<ChainFault[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    (SELECT e.id FROM auth.audit_events e
     WHERE e.month > '-infinity' AND (e.position IS NULL OR e.position < ${first}::bigint OR e.position > ${head}::bigint)
     LIMIT 100)
    UNION ALL
    (SELECT e.id FROM auth.audit_events e
     WHERE e.month = '-infinity' AND NOT EXISTS (SELECT FROM auth.audit_chain c WHERE c.event_id = e.id) LIMIT 100)`;
  return rows.map(({ id }) => ({ position: 0n, eventId: id, description: 'the event is not in the chain' }));
}

/** The events that are not chained yet. The oldest one is a fault if it was written more than a minute ago. */
async function readUnchained(tx: Prisma.TransactionClient): Promise<{ count: number; faults: ChainFault[] }> {
  const rows = await tx.$queryRaw<{ id: string; count: number; late: boolean }[]>`
    SELECT id, (count(*) OVER ())::int AS count, at < clock_timestamp() - interval '1 minute' AS late
    FROM auth.audit_unchained ORDER BY at LIMIT 1`;
  const [oldest] = rows;
  if (!oldest) return { count: 0, faults: [] };
  const description = `the event has been written for more than a minute and is not in the chain (${oldest.count} are not)`;
  return {
    count: oldest.count,
    faults: oldest.late ? [{ position: 0n, eventId: oldest.id, description }] : [],
  };
}
