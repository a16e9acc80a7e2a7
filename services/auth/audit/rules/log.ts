import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';

/** A stored event. */
export interface AuditEvent {
  readonly id: string;
  readonly at: Date;
  readonly kind: string;
  readonly outcome: string;
  readonly actorId: string;
  readonly subjectId: string;
  readonly ip: string;
  readonly requestId: string;
  readonly details: Readonly<Record<string, string | number | boolean | string[]>>;
}

/** Filter of an event list. Empty: any. */
export interface AuditFilter {
  readonly actorId: string;
  readonly subjectId: string;
  readonly kind: string;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
}

/** A fault in the hash chain. */
export interface ChainFault {
  readonly sequence: number;
  readonly eventId: string;
  readonly description: string;
}

/** Result of verifying a part of the chain. */
export interface ChainCheck {
  readonly checked: number;
  readonly faults: readonly ChainFault[];
  /** Sequence at which the next part starts; 0 at the end. */
  readonly next: number;
  readonly headSequence: number;
  /** Hexadecimal. */
  readonly headHash: string;
  /** Hash of the event before this part; empty at the start of the log. */
  readonly previousHash: string;
}

/** Persistence port for reading the audit log. */
export interface AuditStore {
  page(filter: AuditFilter, query: PageQuery): Promise<AuditEvent[]>;
  /** Verifies the chain from a sequence, at most `limit` links. */
  check(from: number, limit: number): Promise<ChainCheck>;
}

/** Reads the audit log. */
export interface AuditLog {
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEvent>>;
  verify(from: number): Promise<ChainCheck>;
}

/** Links verified per call. */
const checkLimit = 10_000;

/** Creates the reader of the audit log. */
export function createAuditLog(store: AuditStore): AuditLog {
  return {
    list: (filter, page) =>
      readPage(
        page,
        ['events', filter],
        (query) => store.page(filter, query),
        ({ at, id }) => [at.toISOString(), id],
      ),
    verify: (from) => store.check(Math.max(1, from), checkLimit),
  };
}
