import { v7 as uuidv7 } from 'uuid';
import { failure } from '#kit/errors/failure.ts';

/** An event that a client tracks. */
export interface TrackedEvent {
  /** UUIDv7. */
  readonly id: string;
  readonly name: string;
  readonly at: Date;
  readonly properties: Readonly<Record<string, string>>;
}

/** An event as a client sends it. */
export interface SentEvent extends Pick<TrackedEvent, 'name' | 'properties'> {
  /** Undefined: now. */
  readonly occurredAt: Date | undefined;
}

/** Persistence port for tracked events. */
export interface TrackingStore {
  /** Inserts all events of a user, or none. Returns false if the account was deleted. */
  insert(userId: string, events: readonly TrackedEvent[]): Promise<boolean>;
}

/** Earliest and latest time of an event, relative to now, ms. */
const earliest = -7 * 86_400_000;
const latest = 5 * 60_000;

/**
 * Returns the function that tracks events of a user. It resolves to the number of events, or to undefined if the account
 * was deleted.
 * @throws INVALID_ARGUMENT naming each event that is more than 7 days old or more than 5 minutes ahead
 */
export function createTracking({
  store,
  now = Date.now,
}: {
  readonly store: TrackingStore;
  readonly now?: () => number;
}) {
  return async (userId: string, sent: readonly SentEvent[]): Promise<number | undefined> => {
    if (sent.length === 0) return 0;
    const received = now();
    const events = sent.map(({ name, properties, occurredAt }) => ({
      id: uuidv7(),
      name,
      at: occurredAt ?? new Date(received),
      properties,
    }));
    assertTimes(events, received);
    return (await store.insert(userId, events)) ? events.length : undefined;
  };
}

function assertTimes(events: readonly TrackedEvent[], received: number): void {
  const fields = events.flatMap(({ at }, index) => {
    const age = at.getTime() - received;
    return age >= earliest && age <= latest
      ? []
      : [
          {
            field: `events[${index}].occurred_at`,
            description: 'must be at most 7 days ago and 5 minutes ahead',
            reason: 'TIME_RANGE',
          },
        ];
  });
  if (fields.length > 0) throw failure('INVALID_ARGUMENT', { fields });
}
