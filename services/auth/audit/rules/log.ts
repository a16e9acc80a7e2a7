import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';

/** An event, as it is kept. */
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

/** Which events are listed. Empty: any. */
export interface AuditFilter {
  readonly actorId: string;
  readonly subjectId: string;
  readonly kind: string;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
}

/** Something that does not fit in the chain. */
export interface ChainFault {
  readonly sequence: number;
  readonly eventId: string;
  readonly description: string;
}

/** A part of the chain that was looked at. */
export interface ChainCheck {
  readonly checked: number;
  readonly faults: readonly ChainFault[];
  /** Where to go on; 0 at the end. */
  readonly next: number;
  readonly headSequence: number;
  /** Hexadecimal. */
  readonly headHash: string;
  /** Of the event before the first that was looked at; empty where there is none. */
  readonly previousHash: string;
}

/** The audit log, read. */
export interface AuditStore {
  page(filter: AuditFilter, query: PageQuery): Promise<AuditEvent[]>;
  /** Follows the chain from a place on, at most so many links. */
  check(from: number, most: number): Promise<ChainCheck>;
}

/** Reads the audit log. */
export interface AuditLog {
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEvent>>;
  verify(from: number): Promise<ChainCheck>;
}

/** Links that are followed at once. */
const checkedAtOnce = 10_000;

/** Makes the reader of the audit log. */
export function createAuditLog(store: AuditStore): AuditLog {
  return {
    list: (filter, page) =>
      readPage(
        page,
        ['events', filter],
        (query) => store.page(filter, query),
        ({ at, id }) => [at.toISOString(), id],
      ),
    verify: (from) => store.check(Math.max(1, from), checkedAtOnce),
  };
}
