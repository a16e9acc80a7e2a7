import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import type { Transport } from '@connectrpc/connect';
import { DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import {
  type Event,
  EventSchema,
  EventService,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from '#gen/proto/signet/events/v1/event_service_pb.ts';
import type { Bus } from './bus.ts';
import { header, headSubjectOf, streamOf, subjectOf } from './names.ts';
import { infoOf } from './relay.ts';

/** Longest silence of a producer's announcements, ms. Then the stream may lack events, and the producer is asked. */
const patience = 3_000;
/** Interval of looking whether NATS can be read again, while the producer's own stream is read, ms. */
const returnEvery = 5_000;
/** Longest silence of the stream, ms. */
const heartbeatEvery = 1_000;
/** Most events of a part, and the bytes of data after which no further one is added. */
const partSize = 500;
const partBytes = 512 * 1024;

/** The end of a producer's log, as it announced it. */
interface Head {
  readonly history: string;
  readonly head: bigint;
}

/**
 * Returns a transport to a producer whose EventService.Watch reads the producer's JetStream stream, and the producer itself
 * while NATS, the stream or the producer's relay is behind or away. What a consumer gets is the same: the events behind
 * its cursor in their order, without gaps. Every other call goes to the producer.
 *
 * A stream is read only if it has the log's history and the cursor's event at the cursor's position. A restored log, a
 * cursor that retention has passed, and an unknown position are answered by the producer.
 */
export function overBus(transport: Transport, bus: Bus, source: string): Transport {
  return {
    unary: transport.unary.bind(transport),
    async stream(method, signal, timeoutMs, headers, input, values) {
      if ((method as unknown) !== EventService.method.watch) {
        return transport.stream(method, signal, timeoutMs, headers, input, values);
      }
      let request: WatchRequest | undefined;
      for await (const message of input) request = message as unknown as WatchRequest;
      const stop = signal ?? new AbortController().signal;
      const found = request && (await openReader(bus, source, request, stop).catch(() => undefined));
      if (request && found) {
        const answer = {
          stream: true as const,
          service: method.parent,
          method,
          header: new Headers(),
          trailer: new Headers(),
        };
        return { ...answer, message: found as AsyncIterable<never> };
      }
      const again = request ? createAsyncIterable([request as never]) : createAsyncIterable<never>([]);
      const answer = await transport.stream(method, signal, timeoutMs, headers, again, values);
      return { ...answer, message: untilReadable(answer.message, bus, source, stop) };
    },
  };
}

/** Ends a producer's own stream when the JetStream stream can be read again; the consumer reconnects, to that. */
async function* untilReadable<T>(
  messages: AsyncIterable<T>,
  bus: Bus,
  source: string,
  signal: AbortSignal,
): AsyncIterable<T> {
  let look = performance.now() + returnEvery;
  for await (const message of messages) {
    yield message;
    // A heartbeat comes every second.
    if (performance.now() < look) continue;
    look = performance.now() + returnEvery;
    if (await isComplete(bus, source, signal).catch(() => false)) return;
  }
}

/** Whether the stream has all events that the producer has numbered. */
async function isComplete(bus: Bus, source: string, signal: AbortSignal): Promise<boolean> {
  const heads = listenToHead(bus, source);
  try {
    const head = await heads.first(signal);
    const end = head && (await boundsOf(bus, source));
    return end !== undefined && end.history === head?.history && end.last >= head.head;
  } finally {
    heads.close();
  }
}

/** What a stream holds: positions, and what a position is more than its sequence. */
interface Bounds {
  readonly history: string;
  readonly first: bigint;
  readonly last: bigint;
  readonly offset: bigint;
}

async function boundsOf(bus: Bus, source: string): Promise<Bounds | undefined> {
  const info = await infoOf(bus, streamOf(source));
  // Without gaps, sequences and positions differ by a constant.
  if (!info || info.state.messages === 0 || info.state.num_deleted > 0) return undefined;
  const { first_seq: first, last_seq: last } = info.state;
  const oldest = await bus.jsm().streams.getMessage(streamOf(source), { seq: first });
  if (!oldest) return undefined;
  const offset = BigInt(oldest.header.get(header.position)) - BigInt(first);
  const history = oldest.header.get(header.history);
  return { history, first: BigInt(first) + offset, last: BigInt(last) + offset, offset };
}

/** Opens the stream at a cursor; undefined where the producer must answer. */
async function openReader(
  bus: Bus,
  source: string,
  { history, after, lastId, types }: WatchRequest,
  signal: AbortSignal,
): Promise<AsyncIterable<WatchResponse> | undefined> {
  const heads = listenToHead(bus, source);
  let isReading = false;
  try {
    const head = await heads.first(signal);
    const bounds = head && (await boundsOf(bus, source));
    if (!bounds || bounds.history !== head.history || (history !== '' && history !== head.history)) return undefined;
    const isInside = after === 0n ? bounds.first === 1n : after >= bounds.first && after <= bounds.last;
    if (!isInside) return undefined;
    const at = Number(after - bounds.offset);
    if (after > 0n && lastId !== '') {
      const message = await bus.jsm().streams.getMessage(streamOf(source), { seq: at });
      if (message?.header.get('Nats-Msg-Id') !== lastId) return undefined;
    }
    const consumer = await bus.js().consumers.get(streamOf(source), {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: at + 1,
    });
    const messages = await consumer.consume({ max_messages: partSize });
    isReading = true;
    return read({ source, messages, heads, history: head.history, after, lastId, types, signal });
  } finally {
    if (!isReading) heads.close();
  }
}

/** Parts of a stream, until it has a gap, ends, or the producer's announcements stop. */
async function* read(options: {
  readonly source: string;
  readonly messages: AsyncIterable<JsMsg> & { close(): Promise<unknown> };
  readonly heads: ReturnType<typeof listenToHead>;
  readonly history: string;
  readonly after: bigint;
  readonly lastId: string;
  readonly types: readonly string[];
  readonly signal: AbortSignal;
}): AsyncIterable<WatchResponse> {
  const { source, messages, heads, history, types, signal } = options;
  let [position, lastId] = [options.after, options.lastId];
  const wanted = new Set(types);
  const iterator = messages[Symbol.asyncIterator]();
  const abort = () => void messages.close();
  signal.addEventListener('abort', abort, { once: true });
  let next = iterator.next();
  let events: Event[] = [];
  let bytes = 0;
  let behind = 0;

  function part(): WatchResponse {
    const head = heads.latest()?.head ?? position;
    const all = events;
    [events, bytes] = [[], 0];
    const current = position >= head;
    return create(WatchResponseSchema, {
      history,
      position,
      lastId,
      head: current ? position : head,
      current,
      events: all,
    });
  }

  try {
    while (!signal.aborted) {
      const result = await within(next, heartbeatEvery);
      if (result === 'late') {
        const latest = heads.latest();
        // Without announcements, or behind them for longer than a message takes, the stream lacks what the producer has.
        behind = latest && latest.head > position ? behind + 1 : 0;
        if (!latest || latest.history !== history || behind > 2) return;
        if (behind === 0) yield part();
        continue;
      }
      if (result.done) return;
      next = iterator.next();
      // The reading may end before it arrives.
      next.catch(() => undefined);
      const event = eventOf(result.value, source);
      if (event.position !== position + 1n || result.value.headers?.get(header.history) !== history) return;
      [position, lastId] = [event.position, event.id];
      bytes += event.data.length;
      if (wanted.has(event.type)) events.push(event);
      if (result.value.info.pending === 0 || events.length >= partSize || bytes >= partBytes) yield part();
    }
  } finally {
    signal.removeEventListener('abort', abort);
    heads.close();
    await messages.close();
  }
}

/** The event of a message. @throws Error where a header is missing */
function eventOf(message: JsMsg, source: string): Event {
  const { headers: given } = message;
  const prefix = subjectOf(source, '');
  if (!given || !message.subject.startsWith(prefix)) throw new Error('a message of the stream is no event');
  return create(EventSchema, {
    id: given.get('Nats-Msg-Id'),
    position: BigInt(given.get(header.position)),
    type: message.subject.slice(prefix.length),
    subject: given.get(header.subject),
    time: timestampFromDate(new Date(given.get(header.time))),
    data: message.data,
  });
}

/** Hears the announcements of a producer's head. */
function listenToHead(bus: Bus, source: string) {
  const subscription = bus.nats().subscribe(headSubjectOf(source));
  const first = Promise.withResolvers<Head | undefined>();
  const giveUp = () => first.resolve(undefined);
  let latest: { readonly head: Head; readonly at: number } | undefined;
  void (async () => {
    for await (const message of subscription) {
      const { history, head } = message.json<{ history: string; head: string }>();
      latest = { head: { history, head: BigInt(head) }, at: performance.now() };
      first.resolve(latest.head);
    }
    giveUp();
  })().catch(giveUp);
  return {
    /** The last announcement; undefined where it is too old. */
    latest: () => (latest && performance.now() - latest.at < patience ? latest.head : undefined),
    /** Waits for an announcement; undefined where none comes. */
    async first(signal: AbortSignal): Promise<Head | undefined> {
      signal.addEventListener('abort', giveUp, { once: true });
      const timer = setTimeout(giveUp, patience);
      try {
        return await first.promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
      }
    },
    close: () => subscription.unsubscribe(),
  };
}

/** Waits for a promise, at most `ms`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
