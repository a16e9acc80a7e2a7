import type { Statements } from '#kit/store/statements.ts';

/** The chain of audit events. */
export interface AuditChain {
  /**
   * Appends committed events, at most `most`, in the order of their insertion. Replicas may call it at the same time: one
   * appends, and the others return at once.
   * @param everything whether to also look for events that commit after more than 10,000 later ones: slow while a backup
   * runs
   * @returns how many it appended
   */
  append(most: number, everything?: boolean): Promise<number>;
  /** The committed events that are not in the chain: how many, and the age of the oldest one, s. */
  unchained(): Promise<{ readonly count: number; readonly age: number }>;
}

/** Creates the chain of audit events in PostgreSQL. */
export function createAuditChain(db: Pick<Statements, '$queryRaw'>): AuditChain {
  return {
    async append(most, everything = true) {
      const [row] = await db.$queryRaw<{ count: number }[]>`
        SELECT auth.chain_audit_events(${most}::int, ${everything}::boolean) AS count`;
      return row?.count ?? 0;
    },
    async unchained() {
      const [row] = await db.$queryRaw<{ count: number; age: number }[]>`
        SELECT count(*)::int AS count, coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS age
        FROM auth.audit_unchained`;
      return row ?? { count: 0, age: 0 };
    },
  };
}
