import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { createTombstones } from '#kit/erasure/owners.ts';
import { silentLog } from '#kit/log/log.ts';
import { parseMoney } from '#kit/money/money.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import type { Fact } from '../domain/facts.ts';
import { createSummaries, type Summary } from '../domain/summary.ts';
import type { TrackedEvent } from '../domain/tracking.ts';
import { insertOnce } from '../store/facts.ts';
import { createSummaryStore } from '../store/summary.ts';
import { createTrackingStore } from '../store/tracked-events.ts';
import { anonymize } from '../store/visitors.ts';

/** The stores of the analytics service, in a database of the test. */
export interface AnalyticsRig {
  readonly db: Transactional;
  readonly pool: Database['pool'];
  readonly url: FreshDatabase['url'];
  /** Applies facts in a transaction, as a follower does. */
  apply(...facts: readonly Fact[]): Promise<void>;
  /** Tracks events of a user. Returns false if the account was deleted. */
  track(userId: string, ...events: readonly TrackedEvent[]): Promise<boolean>;
  /** Erases users: their tombstones, as a follower, and the rest, as the work behind it. */
  erase(...userIds: readonly string[]): Promise<void>;
  summarize(fromDate: string, toDate: string, timeZone?: string): Promise<Summary>;
  close(): Promise<void>;
}

/** Opens one. */
export async function openAnalyticsRig(): Promise<AnalyticsRig> {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, max: 30, applicationName: 'analytics-test', log: silentLog });
  const db = database.statements;
  const tracking = createTrackingStore(db);
  const summarize = createSummaries(createSummaryStore(db));
  const tombstones = createTombstones(db, 'analytics');
  return {
    db,
    pool: database.pool,
    url: fresh.url,
    apply: (...facts) => db.$transaction((tx) => insertOnce(facts, tx)),
    track: (userId, ...events) => tracking.insert(userId, events),
    async erase(...userIds) {
      await db.$transaction((tx) => tombstones.write(tx, userIds));
      for (const id of userIds) await anonymize(db, id, new AbortController().signal);
    },
    summarize: (fromDate, toDate, timeZone = 'UTC') => summarize(fromDate, toDate, timeZone),
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

/** A fact. @param amount in euros: `12.50`, negative for a refund */
export function fact(kind: Fact['kind'], at: string, more: Partial<Fact> & { readonly euro?: string } = {}): Fact {
  const { euro, ...fields } = more;
  const amount = euro === undefined ? undefined : parseMoney(euro, 'EUR');
  return { id: randomUUID(), kind, at: new Date(at), ...(amount ? { amount } : {}), ...fields };
}

/** A tracked event. */
export function tracked(at: string, properties: Record<string, string> = {}): TrackedEvent {
  return { id: uuidv7(), name: 'page.viewed', at: new Date(at), properties };
}
