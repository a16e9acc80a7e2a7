import { JetStreamApiCodes, JetStreamApiError, type StreamInfo } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { reasonOf } from '#kit/errors/failure.ts';
import { every, type Work } from '#kit/work/work.ts';
import { createLogReader, type EventRow, type Position } from '../log-page.ts';
import { sql } from '#kit/store/sql.ts';
import { tableOf } from '../tables.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Bus } from './bus.ts';
import { header, headSubjectOf, streamOf, subjectOf } from './names.ts';

/** Interval between two runs, and so between two announcements of the head, ms. Consumers wait three times as long. */
const relayEvery = 1_000;

/** The end of a stream: its last sequence, and the event there. */
interface End {
  readonly sequence: number;
  readonly at: Position;
}

const beginning: End = { sequence: 0, at: { history: '', position: 0n, lastId: '' } };

/**
 * Work that publishes a producer's numbered events to its JetStream stream, in their order and each once. Any number of
 * replicas may run it: each event is published with the sequence that must precede it, so a second copy is refused. The
 * stream begins at the oldest event that was kept when it was made, so a sequence and its position differ by a constant.
 * A stream that the log does not continue (the producer was restored, or has deleted what comes next) is made again.
 * @param keep how long the stream keeps events, ms
 */
export function relaying(options: {
  readonly bus: Bus;
  readonly db: Statements;
  readonly schema: string;
  readonly keep: number;
}): Work {
  const { bus, db, schema, keep } = options;
  const stream = streamOf(schema);
  const read = createLogReader(db, schema);
  /** In nanoseconds. */
  const limits = { max_age: keep * 1e6, duplicate_window: Math.min(keep, 120_000) * 1e6 };
  /** Undefined where it must be read from the stream. */
  let end: End | undefined;

  async function make(): Promise<End> {
    await bus.jsm().streams.add({ name: stream, subjects: [subjectOf(schema)], ...limits });
    return beginning;
  }

  async function remake(): Promise<End> {
    await bus.jsm().streams.delete(stream);
    return make();
  }

  async function findEnd(): Promise<End> {
    const info = await infoOf(bus, stream);
    if (!info) return make();
    const { messages, last_seq: sequence, num_deleted: missing } = info.state;
    // A message was removed by hand: positions and sequences no longer match.
    if (missing > 0) return remake();
    if (info.config.max_age !== limits.max_age) await bus.jsm().streams.update(stream, limits);
    // Emptied by its age: what the next event's sequence stands for is not known.
    if (messages === 0) return sequence === 0 ? beginning : remake();
    const last = await bus.jsm().streams.getMessage(stream, { seq: sequence });
    if (!last) throw new Error('the last message of the stream is gone');
    const at = {
      history: last.header.get(header.history),
      position: BigInt(last.header.get(header.position)),
      lastId: last.header.get('Nats-Msg-Id'),
    };
    return { sequence, at };
  }

  /** Publishes a page and waits until all of it is stored. Sent in order, so none can overtake another. */
  async function publish(history: string, events: readonly EventRow[], from: number): Promise<void> {
    await Promise.all(
      events.map(({ id, type, subject, position, at, data }, place) => {
        const head = headers();
        head.set(header.history, history);
        head.set(header.position, String(position));
        head.set(header.subject, subject);
        head.set(header.time, at.toISOString());
        return bus.js().publish(subjectOf(schema, type), data, {
          msgID: id,
          headers: head,
          expect: { streamName: stream, lastSequence: from + place },
        });
      }),
    );
  }

  /** Publishes the next page. Returns whether it published anything. */
  async function step(): Promise<boolean> {
    end ??= await findEnd();
    const from = end;
    let page;
    try {
      page = await read(from.at, 'all');
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== 'EVENT_HISTORY' && reason !== 'EVENTS_GONE') throw error;
      // At its beginning, a stream starts with the oldest event that is kept.
      end = from.sequence === 0 ? await oldest() : await remake();
      return true;
    }
    const { history, position } = page.end;
    // Published even where it is the page's end alone, so that consumers learn of an empty log.
    bus.nats().publish(headSubjectOf(schema), JSON.stringify({ history, head: String(page.head) }));
    if (page.events.length === 0) return false;
    const sequence = from.sequence + page.events.length;
    end = undefined;
    await publish(history, page.events, from.sequence);
    end = { sequence, at: { history, position, lastId: page.events.at(-1)?.id ?? '' } };
    return true;
  }

  /** The end of an empty stream before the oldest event that is kept. */
  async function oldest(): Promise<End> {
    const [row] = await db.$queryRaw<{ oldest: bigint | null }[]>(
      sql`SELECT min(position) AS oldest FROM ${tableOf(schema, 'events')}`,
    );
    return { sequence: 0, at: { history: '', position: (row?.oldest ?? 1n) - 1n, lastId: '' } };
  }

  return every('publish events to NATS', relayEvery, async (signal) => {
    try {
      while (!signal.aborted && (await step()));
    } catch (error) {
      end = undefined;
      // Another replica has published meanwhile: its notification, or the next run, goes on from there.
      if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamWrongLastSequence)
        throw error;
    }
  });
}

/** Information about a stream; undefined if it does not exist. */
export async function infoOf(bus: Bus, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await bus.jsm().streams.info(stream);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}
