import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event, WatchResponse } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { type CursorStore, isSame } from './cursor.ts';
import type { Position } from './log-page.ts';
import { type FollowedEvent, typeOf } from './types.ts';

/** The cursor is neither where this replica expects it nor ahead of that: an operator adopted another position. */
export class CursorMovedError extends Error {
  override readonly name = 'CursorMovedError';
}

/** An event that could not be applied. The cause is what `apply` threw. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
  /** The first event of those that were not applied; undefined where the cursor alone could not be moved. */
  readonly event: Event | undefined;

  constructor(event: Event | undefined, cause: unknown) {
    super('an event could not be applied', { cause });
    this.event = event;
  }
}

/** Longest time for a transaction, ms. */
const timeout = 30_000;

/**
 * Interval of looking at the cursor while no events come, ms: an operator may adopt another position. With events it is
 * compared as it moves.
 */
const lookEvery = 3_000;

/** Interval between two reads of the cursor while another replica moves it, ms. */
const pause = 50;

/**
 * Creates the function that applies a part of a producer's log, and moves the cursor in the same transaction. It
 * resolves to where the cursor then is. Of several replicas one applies an event, and the others skip it. Where a
 * transaction of many events fails, each gets a separate transaction, so that the events before the one at fault take effect.
 * @throws ApplyError where an event cannot be applied; the cursor is before that event
 * @throws CursorMovedError where the part does not begin at the cursor any more
 */
export function createApplier<D extends DescMessage>(options: {
  readonly db: Transactional;
  readonly cursors: CursorStore;
  readonly types: readonly D[];
  readonly apply: (events: readonly FollowedEvent<D>[], tx: Statements) => Promise<void>;
}) {
  const { db, cursors, apply } = options;
  let readAt = performance.now();
  const payloads = new Map(options.types.map((payload) => [typeOf(payload), payload]));

  /** Resolves to whether the cursor was at `from`. */
  async function applyOnce(events: readonly Event[], from: Position, to: Position): Promise<boolean> {
    const run = async (tx: Statements) => {
      // First, so that of two replicas only one runs `apply`.
      const moved = await cursors.move(tx, from, to);
      if (moved && events.length > 0) {
        await apply(
          events.map((event) => decoded(event, payloads)),
          tx,
        );
      }
      return moved;
    };
    return db.$transaction(run, { timeout });
  }

  /**
   * @param cursor where the cursor is, as far as this replica knows; not behind the beginning of the part
   * @param oneByOne gives each event a separate transaction
   */
  return async (part: WatchResponse, cursor: Position, oneByOne: boolean, signal: AbortSignal): Promise<Position> => {
    const { history, position, lastId } = part;
    const end: Position = { history, position, lastId };
    if (isSame(cursor, end)) {
      // A heartbeat.
      return performance.now() - readAt < lookEvery ? cursor : reread(cursor, history);
    }
    let at = cursor;
    let single = oneByOne;
    while ((at.position < end.position || at.history !== history) && !signal.aborted) {
      const left = part.events.filter((event) => event.position > at.position);
      const events = single ? left.slice(0, 1) : left;
      const last = events.at(-1);
      const to = last && events.length < left.length ? { history, position: last.position, lastId: last.id } : end;
      let moved = false;
      try {
        moved = await applyOnce(events, at, to);
      } catch (error) {
        if (events.length <= 1) throw new ApplyError(events[0], error);
        single = true;
        continue;
      }
      at = moved ? to : await behindAnother(at, history, signal);
    }
    return at;
  };

  /** Where the cursor is after another replica took it from `at`; still there while the other one is at work. */
  async function behindAnother(at: Position, history: string, signal: AbortSignal): Promise<Position> {
    const found = await reread(at, history);
    if (isSame(found, at)) await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
    return found;
  }

  /** Reads the cursor. @throws CursorMovedError where it is behind `at`, or of another history */
  async function reread(at: Position, history: string): Promise<Position> {
    const found = await cursors.read();
    readAt = performance.now();
    if (isSame(found, at) || (found.history === history && found.position >= at.position)) return found;
    throw new CursorMovedError();
  }
}

/** @throws Error where the type was not asked for, or the payload cannot be read */
function decoded<D extends DescMessage>(event: Event, payloads: ReadonlyMap<string, D>): FollowedEvent<D> {
  const { id, position, type, subject, time, data } = event;
  const payload = payloads.get(type);
  if (!payload || !time) throw new Error(`event ${id} has no time, or its type ${type} was not asked for`);
  const message: MessageShape<D> = fromBinary(payload, data);
  return { id, position, type, subject, time: timestampDate(time), message: message as FollowedEvent<D>['message'] };
}
