import type { Transactional } from '#kit/store/statements.ts';
import { system } from '../rules/events.ts';
import { insertAudit } from './events.ts';

/** Drops audit events after their retention. */
export interface AuditRetention {
  /**
   * Drops the oldest partition of the log if all its events are older than `keep`, and records that in the log. Replicas
   * may call it at the same time.
   * @param keep ms
   * @returns the position of the last event that it dropped; undefined if it dropped none
   * @throws Error if transactions use the log for longer than 200 ms: they go first
   */
  dropOldest(keep: number): Promise<bigint | undefined>;
}

/** Creates the retention of audit events in PostgreSQL. */
export function createAuditRetention(db: Transactional): AuditRetention {
  return {
    dropOldest: (keep) =>
      db.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ dropped: string | null; position: bigint | null }[]>`
          SELECT dropped, last_position AS position
          FROM auth.drop_audit_events(${keep}::float8 * interval '1 millisecond')`;
        if (!row?.dropped) return undefined;
        // The partition of earlier releases may be empty.
        if (row.position === null) return 0n;
        await insertAudit(tx, {
          kind: 'audit_dropped',
          outcome: 'success',
          actor: system,
          subjectId: row.dropped,
          details: { last_position: String(row.position) },
        });
        return row.position;
      }),
  };
}
