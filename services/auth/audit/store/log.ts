import { Prisma, type PrismaClient } from '#gen/prisma/auth/client.ts';
import { columns } from '#kit/store/columns.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { where } from '#kit/store/where.ts';
import type { AuditEvent, AuditStore, ChainFault } from '../rules/log.ts';

interface LinkRow {
  sequence: bigint;
  eventId: string;
  eventExists: boolean;
  hashMatches: boolean;
  previous: bigint | null;
}

const linkColumns = columns<LinkRow>('', {
  sequence: true,
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

    async check(from, limit) {
      // All statements read the same snapshot; later events are verified by the next call.
      const { head, previous, links, unlinked } = await db.$transaction(
        async (tx) => ({
          head: await tx.head.findFirstOrThrow(),
          previous: await tx.auditLink.findUnique({ where: { sequence: from - 1 } }),
          links: await readLinks(tx, from, limit),
          unlinked: from === 1 ? await readUnlinked(tx) : [],
        }),
        { isolationLevel: 'RepeatableRead', timeout: 30_000 },
      );
      const headSequence = Number(head.auditSequence);
      const faults = [...unlinked, ...links.flatMap(faultsOf)];
      const last = links.at(-1);
      const reached = last ? Number(last.sequence) : from - 1;
      const isEnd = links.length < limit;
      if (isEnd && reached < headSequence) {
        faults.push({ sequence: reached + 1, eventId: '', description: `events up to ${headSequence} are missing` });
      }
      return {
        checked: links.length,
        faults,
        next: isEnd ? 0 : reached + 1,
        headSequence,
        headHash: Buffer.from(head.auditHash).toString('hex'),
        previousHash: previous ? Buffer.from(previous.hash).toString('hex') : '',
      };
    },
  };
}

/** Reads links from a sequence, each verified against the previous one. The last link must also have the head's hash. */
function readLinks(tx: Prisma.TransactionClient, from: number, limit: number): Promise<LinkRow[]> {
  return tx.$queryRaw<LinkRow[]>`
    WITH part AS (
      SELECT sequence, event_id, hash FROM auth.audit_chain WHERE sequence >= ${from - 1} ORDER BY sequence LIMIT ${limit + 1}
    ), checked AS (
      SELECT c.sequence, c.event_id, e.id IS NOT NULL AS event_exists,
             lag(c.sequence) OVER w AS previous,
             c.hash IS NOT DISTINCT FROM auth.audit_hash(coalesce(lag(c.hash) OVER w, ''), c.sequence, e)
               AND (c.sequence <> h.audit_sequence OR c.hash = h.audit_hash) AS hash_matches
      FROM part c LEFT JOIN auth.audit_events e ON e.id = c.event_id CROSS JOIN auth.heads h
      WINDOW w AS (ORDER BY c.sequence)
    )
    SELECT ${linkColumns} FROM checked WHERE sequence >= ${from} ORDER BY sequence LIMIT ${limit}`;
}

/** Events without a link: inserted without the trigger. */
async function readUnlinked(tx: Prisma.TransactionClient): Promise<ChainFault[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT e.id FROM auth.audit_events e
    WHERE NOT EXISTS (SELECT FROM auth.audit_chain c WHERE c.event_id = e.id) LIMIT 100`;
  return rows.map(({ id }) => ({ sequence: 0, eventId: id, description: 'the event is not in the chain' }));
}

function faultsOf({ sequence: written, eventId, eventExists, hashMatches, previous }: LinkRow): ChainFault[] {
  const sequence = Number(written);
  const faults: ChainFault[] = [];
  const expected = previous === null ? 1 : Number(previous) + 1;
  const isGap = sequence !== expected;
  if (isGap) {
    const description = `the links from ${expected} to ${sequence - 1} are missing`;
    faults.push({ sequence: expected, eventId: '', description });
  }
  if (!eventExists) faults.push({ sequence, eventId, description: 'the event is missing' });
  // After a gap no hash can match, and the gap has been reported.
  else if (!hashMatches && !isGap) faults.push({ sequence, eventId, description: 'the event or its hash was changed' });
  return faults;
}
