import type { DescMessage } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventService, type WatchResponse } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { outsideCalls } from '#kit/call/call.ts';
import { infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { ApplyError, createApplier, CursorMovedError } from './apply-part.ts';
import { createCursorStore, isSame } from './cursor.ts';
import type { Position } from './log-page.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { type FollowedEvent, typeOf } from './types.ts';

/** How far a consumer is behind a producer. */
export interface Lag {
  /** Numbered events of any type that it has not passed yet, as far as it knows. */
  readonly events: number;
  /** Seconds since it last had everything, or since it was started: at most about 1 where it keeps up. */
  readonly seconds: number;
}

/** A consumer of one producer. */
export interface Follower {
  lag(): Lag;
  /** False while it is stopped and an operator must adopt a position. True while the producer is away. */
  isReady(): boolean;
  /** Begins no further transaction and waits for the one under way. Close the database after it. */
  close(): Promise<void>;
}

/** How to follow a producer. */
export interface FollowOptions<D extends DescMessage> {
  /** The name of this service, which is its schema. */
  readonly consumer: string;
  /** The name of the producer. */
  readonly source: string;
  /** To the producer; it adds the service's own token to each call. */
  readonly transport: Transport;
  /** The payload messages to take; each names this service in its `listeners`. */
  readonly types: readonly D[];
  /** The consumer's database. */
  readonly db: Transactional;
  /**
   * Writes the effects of events, which are in their order, by `tx` alone. It commits with the cursor, so each event
   * takes effect once. It may be called again with events whose transaction was rolled back, and with one event alone.
   * Where it throws, the event is tried again until it can be applied, and no event behind it before that. Its
   * transaction has 30 s. What calls other services belongs elsewhere.
   */
  readonly apply: (events: readonly FollowedEvent<D>[], tx: Statements) => Promise<void>;
  readonly log: Log;
  readonly metrics: Pick<ServiceMetrics, 'watch'>;
  /** Longest silence before the stream counts as cut, ms. Default 5,000: a heartbeat comes every second. */
  readonly silence?: number;
  /** Shortest and longest wait before the next try, ms. Default 100 and 5,000. */
  readonly backoff?: readonly [number, number];
}

/** The state of a consumer. The log has one line for each change. */
type State = 'following' | 'away' | 'failing' | 'stopped';

/**
 * Follows a producer's events until it is closed. It applies each event once, in the order of positions, and moves
 * its cursor in the transaction of the effect: both are committed or neither is. Replicas of a consumer may follow at
 * the same time.
 *
 * Where the producer's log does not continue at the cursor (it was restored, or has deleted what comes next), the
 * consumer stops and is not ready. It resumes once an operator has set the cursor (`signet events adopt`).
 * @throws Error where the consumer is not the plain name of a schema, or a message's name is not one of an event
 */
export function follow<D extends DescMessage>(options: FollowOptions<D>): Follower {
  const { consumer, source, transport, db, metrics, silence = 5_000 } = options;
  const [shortest, longest] = options.backoff ?? [100, 5_000];
  const log = options.log.child({ source });
  const types = options.types.map((payload) => typeOf(payload));
  const client = createClient(EventService, transport);
  const cursors = createCursorStore(db, consumer, source);
  const applyPart = createApplier({ db, cursors, types: options.types, apply: options.apply });
  const closing = new AbortController();
  let state: State = 'following';
  let failures = 0;
  let cursor: Position = { history: '', position: 0n, lastId: '' };
  let head = 0n;
  let currentAt = performance.now();

  /** Changes the state. Returns whether it was another one before. */
  function become(next: State): boolean {
    const isNew = state !== next;
    state = next;
    return isNew;
  }

  async function take(part: WatchResponse): Promise<void> {
    if (part.head > head) head = part.head;
    cursor = await applyPart(part, cursor, state === 'failing', closing.signal);
    if (closing.signal.aborted) return;
    if (part.current && cursor.position >= part.position) currentAt = performance.now();
    failures = 0;
    if (become('following')) log.info('events are applied again');
  }

  /** One stream, from the cursor until it breaks, falls silent, an event cannot be applied, or the follower closes. */
  async function watch(): Promise<void> {
    cursor = await cursors.read();
    if (closing.signal.aborted) return;
    const { history, position: after, lastId } = cursor;
    const cut = new AbortController();
    const stop = () => cut.abort();
    closing.signal.addEventListener('abort', stop, { once: true });
    let timer = setTimeout(stop, silence).unref();
    try {
      for await (const part of client.watch({ history, after, lastId, types }, { signal: cut.signal })) {
        // A slow effect is not a silent stream.
        clearTimeout(timer);
        await take(part);
        if (closing.signal.aborted) return;
        timer = setTimeout(stop, silence).unref();
      }
    } finally {
      clearTimeout(timer);
      closing.signal.removeEventListener('abort', stop);
      cut.abort();
    }
  }

  /** Logs why a stream ended. Resolves once another one may be opened, apart from the backoff. */
  async function settle(error: unknown): Promise<void> {
    // Another replica, or an operator, moved the cursor: the next stream begins where it is.
    if (error instanceof CursorMovedError) return;
    if (error instanceof ApplyError) {
      const { cause: err, event } = error;
      const fields = event && { event: event.id, type: event.type, position: String(event.position) };
      if (become('failing')) log.warn({ err, ...fields }, 'an event cannot be applied; it is tried again');
      return;
    }
    const reason = reasonOf(error);
    if (reason === 'EVENT_HISTORY' || reason === 'EVENTS_GONE') return untilAdopted(reason, error);
    if (become('away')) log.warn({ err: error }, 'events cannot be followed; it is tried again');
  }

  /** Waits until the cursor is set to another position. */
  async function untilAdopted(reason: string, error: unknown): Promise<void> {
    const fields = { reason, cursor: String(cursor.position), ...metadataOf(infoOf(error)) };
    become('stopped');
    log.error(
      fields,
      `events of ${source} do not continue at the cursor of ${consumer}: nothing is applied until an operator ` +
        `runs: signet events adopt ${consumer} ${source} --position N`,
    );
    while (!closing.signal.aborted) {
      await wait(longest);
      const found = await cursors.read().catch(() => cursor);
      if (!isSame(found, cursor)) return;
    }
  }

  async function wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
  }

  async function keepFollowing(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await watch();
      } catch (error) {
        if (closing.signal.aborted) return;
        await settle(error);
      }
      const ms = Math.min(longest, shortest * 2 ** Math.min(failures++, 16));
      await wait(ms * (0.5 + Math.random() / 2));
    }
  }

  function lag(): Lag {
    return {
      events: Math.max(0, Number(head - cursor.position)),
      seconds: (performance.now() - currentAt) / 1_000,
    };
  }

  metrics.watch('signet_events_lag', () => lag().events, { source });
  metrics.watch('signet_events_lag_seconds', () => lag().seconds, { source });
  const over = outsideCalls(keepFollowing);
  return {
    lag,
    isReady: () => state !== 'stopped',
    async close() {
      closing.abort();
      await over;
    },
  };
}
