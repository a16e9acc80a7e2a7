import { create, type DescMessage } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { EventService, type WatchResponse, WatchResponseSchema } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { mount, type Mounted } from '#kit/call/app.ts';
import { createBell } from '#kit/call/bell.ts';
import { failure } from '#kit/errors/failure.ts';
import { identityOf } from '#kit/guard/connect.ts';
import type { Work } from '#kit/work/work.ts';
import { isSame } from './cursor.ts';
import { createHeadReader, createLogReader, type LogPage, type Position } from './log-page.ts';
import { pruning } from './prune.ts';
import type { Bus } from './nats/bus.ts';
import { createSequencer, eventSequence, numbering } from './sequencer.ts';
import { channelsOf } from './tables.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { listenersOf, typeOf } from './types.ts';
import { writesOf } from './written.ts';

/** Longest silence of a stream, ms: a consumer reconnects after a longer one. */
const heartbeatEvery = 1_000;

/** Interval of numbering without an event of this process, ms. */
const numberEvery = 1_000;

/** A producer's part of the event log, for its build. */
export interface EventProducer {
  /** EventService. */
  readonly mounted: Mounted;
  /** Numbers events and deletes old ones. It must run before `heard` is called. */
  readonly work: readonly Work[];
  /** The handlers of notifications by channel, for `listen` (kit/db). */
  readonly heard: Readonly<Record<string, () => void>>;
  /** Returns the work that publishes the events to JetStream as well. Numbering wakes it. */
  relay(bus: Bus): Promise<Work>;
  /** Ends the open streams with SERVICE_UNAVAILABLE: consumers reconnect to another replica. */
  close(): void;
}

/**
 * Serves a service's events to their consumers. Each replica may do so.
 * @param options.schema the producer's schema, which is its name
 * @param options.produces the payload messages of its definition
 * @param options.keep how long events are kept, ms
 * @throws Error where a message's name is not one of an event, two have one type, or the schema is not a plain name
 */
export function serveEvents(options: {
  readonly db: Transactional;
  readonly schema: string;
  readonly produces: readonly DescMessage[];
  readonly keep: number;
}): EventProducer {
  const { db, schema, produces, keep } = options;
  const { numbered } = channelsOf(schema);
  const news = createNews();
  let relay: Work | undefined;
  const told = () => {
    news.tell();
    relay?.wake();
  };
  const number = numbering('number events', numberEvery, createSequencer(db, eventSequence(schema)), told);
  const leave = writesOf(schema).wakes(number);
  const closing = new AbortController();
  const read = createLogReader(db, schema);
  const readHead = sharedFor(heartbeatEvery, createHeadReader(db, schema));
  return {
    mounted: mount(
      EventService,
      eventHandler({ read, readHead, news, assertMayTake: mayTake(produces), closing: closing.signal }),
    ),
    work: [number, pruning(db, schema, keep)],
    heard: { [numbered]: told },
    async relay(bus) {
      const { relaying } = await import('./nats/relay.ts');
      return (relay = relaying({ bus, db, schema, keep }));
    },
    close() {
      leave();
      closing.abort();
    },
  };
}

/**
 * EventService over a table that replicas share. Each stream is read at its consumer's pace: a page at a time. A stream
 * without news looks at the head of the log, which all streams share, in case a notification was lost.
 */
function eventHandler(deps: {
  readonly read: ReturnType<typeof createLogReader>;
  readonly readHead: () => Promise<Position>;
  readonly news: News;
  readonly assertMayTake: (types: readonly string[], service: string | undefined) => void;
  readonly closing: AbortSignal;
}): ServiceImpl<typeof EventService> {
  const { read, readHead, news, assertMayTake, closing } = deps;
  const readEnd = sharedRead(read, news);
  return {
    async *watch({ history, after, lastId, types }, { signal, values }): AsyncIterable<WatchResponse> {
      assertMayTake(types, identityOf(values).caller?.service);
      const over = AbortSignal.any([signal, closing]);
      let at: Position = { history, position: after, lastId };
      let sentAt = -Infinity;
      let seen = -1;
      let isCurrent = false;
      while (!over.aborted) {
        const isQuiet = isCurrent && news.count === seen;
        // Taken before the page is read: an event that is numbered during the read ends the wait.
        seen = news.count;
        const isEnd = isQuiet && isSame(await readHead(), at);
        const page: LogPage = isEnd
          ? { end: at, head: at.position, events: [] }
          : await (isCurrent ? readEnd : read)(at, types);
        at = page.end;
        isCurrent = at.position === page.head;
        const rest = sentAt + heartbeatEvery - performance.now();
        // A page without events of these types is not sent before the next heartbeat: it costs a write of the cursor.
        if (page.events.length > 0 || !isCurrent || rest <= 0) {
          yield responseOf(page, isCurrent);
          sentAt = performance.now();
          if (isCurrent) await news.since(seen, heartbeatEvery, over);
        } else {
          await news.since(seen, rest, over);
        }
      }
      if (closing.aborted) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    },
  };
}

/** @throws Error where two messages have one type */
function mayTake(produces: readonly DescMessage[]) {
  const listeners = new Map(produces.map((payload) => [typeOf(payload), new Set(listenersOf(payload))]));
  if (listeners.size < produces.length) throw new Error('two messages have one type of event');
  return (types: readonly string[], service = ''): void => {
    const refused = types.filter((type) => !listeners.get(type)?.has(service));
    // A type that is not produced here is refused in the same way: it has no listeners.
    if (refused.length > 0) throw failure('CALLER_NOT_ALLOWED', { cause: new Error(`types: ${refused.join(', ')}`) });
  };
}

function responseOf({ end, head, events }: LogPage, current: boolean): WatchResponse {
  return create(WatchResponseSchema, {
    ...end,
    head,
    current,
    events: events.map(({ at, ...event }) => ({ ...event, time: timestampFromDate(at) })),
  });
}

/**
 * Returns a function that reads the end of the log. The streams that have all before it, and which news wakes at once, share
 * a read while it is under way: it began after the news.
 */
function sharedRead(read: ReturnType<typeof createLogReader>, news: News) {
  const underWay = new Map<string, Promise<LogPage>>();
  return async (from: Position, types: readonly string[]): Promise<LogPage> => {
    const key = [news.count, from.history, from.position, from.lastId].join(' ');
    const known = underWay.get(key);
    const reading = known ?? read(from, 'all').finally(() => underWay.delete(key));
    if (!known) underWay.set(key, reading);
    const page = await reading;
    return { ...page, events: page.events.filter(({ type }) => types.includes(type)) };
  };
}

/** Returns a function that reads at most once in `ms`. Its calls in that time share the result, unless it is an error. */
function sharedFor<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let readAt = -Infinity;
  return () => {
    if (!last || performance.now() - readAt >= ms) {
      readAt = performance.now();
      const reading = read();
      last = reading;
      reading.catch(() => {
        if (last === reading) last = undefined;
      });
    }
    return last;
  };
}

/** Wakes the streams of a replica when events were numbered. */
interface News {
  /** Number of calls of `tell`. */
  readonly count: number;
  tell(): void;
  /** Resolves once `count` has risen above `seen`, after `ms`, or when the signal aborts. */
  since(seen: number, ms: number, signal: AbortSignal): Promise<void>;
}

function createNews(): News {
  const bell = createBell();
  let count = 0;
  return {
    get count() {
      return count;
    },
    tell() {
      count += 1;
      bell.ring();
    },
    async since(seen, ms, signal) {
      if (count === seen) await bell.wait(ms, signal);
    },
  };
}
