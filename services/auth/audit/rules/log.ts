import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import type { UserStore } from '../../users/public.ts';

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

/** An event with the current emails of its parties; empty where a party is no account. */
export interface ListedEvent extends AuditEvent {
  readonly actorEmail: string;
  readonly subjectEmail: string;
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
  /** 0 if the event has no position. */
  readonly position: bigint;
  /** Empty if the event is missing with its position. */
  readonly eventId: string;
  readonly description: string;
}

/** Result of verifying a part of the chain. */
export interface ChainCheck {
  readonly checked: number;
  readonly faults: readonly ChainFault[];
  /** Position at which the next part starts; 0 at the end. */
  readonly next: bigint;
  /** Position of the first event that has not been dropped. */
  readonly first: bigint;
  readonly head: bigint;
  /** Hexadecimal. */
  readonly headHash: string;
  /** Hash of the event before this part; empty at the start of the log. */
  readonly previousHash: string;
  /** Events that are not in the chain yet. */
  readonly unchained: number;
}

/** A chained event, or what is left of it, and whether it follows from the previous one. */
export interface Link {
  readonly position: bigint;
  readonly eventId: string;
  readonly eventExists: boolean;
  readonly hashMatches: boolean;
  /** Position of the previous link that was read; null if none was. */
  readonly previous: bigint | null;
}

/** Persistence port for reading the audit log. */
export interface AuditStore {
  page(filter: AuditFilter, query: PageQuery): Promise<AuditEvent[]>;
  /** Verifies the chain from a position, or from the first one that there is, over at most `limit` positions. */
  check(from: bigint, limit: number): Promise<ChainCheck>;
}

/** Reads the audit log. */
export interface AuditLog {
  list(filter: AuditFilter, page: PageRequest): Promise<Page<ListedEvent>>;
  verify(from: bigint): Promise<ChainCheck>;
}

/** Positions verified per call. */
const checkLimit = 10_000;

/** Creates the reader of the audit log. */
export function createAuditLog(store: AuditStore, users: Pick<UserStore, 'emailsOf'>): AuditLog {
  return {
    async list(filter, page) {
      const { items, ...rest } = await readPage(
        page,
        ['events', filter],
        (query) => store.page(filter, query),
        ({ at, id }) => [at.toISOString(), id],
      );
      const emails = await users.emailsOf(items.flatMap(({ actorId, subjectId }) => [actorId, subjectId]));
      const emailOf = (id: string) => emails.get(id) ?? '';
      return {
        ...rest,
        items: items.map((event) => ({
          ...event,
          actorEmail: emailOf(event.actorId),
          subjectEmail: emailOf(event.subjectId),
        })),
      };
    },
    verify: (from) => store.check(from, checkLimit),
  };
}

/** The faults of the links from one position to another, which must be consecutive. */
export function faultsOf(links: readonly Link[], from: bigint, to: bigint): ChainFault[] {
  const faults: ChainFault[] = [];
  let expected = from;
  const missingUpTo = (last: bigint) => {
    if (last < expected) return;
    faults.push({ position: expected, eventId: '', description: `the events from ${expected} to ${last} are missing` });
  };
  for (const { position, eventId, eventExists, hashMatches, previous } of links) {
    missingUpTo(position - 1n);
    const fault = (description: string) => faults.push({ position, eventId, description });
    if (position < expected) fault('another event has the same position');
    else if (!eventExists) fault('the event is missing');
    // Behind a gap no hash can match, and the gap has been reported.
    else if (!hashMatches && previous === position - 1n) fault('the event or its hash was changed');
    if (position >= expected) expected = position + 1n;
  }
  missingUpTo(to);
  return faults;
}
