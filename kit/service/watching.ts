import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Watched } from '#kit/db/changes.ts';

/** Interval of looking at what is watched, ms. Its changes are also heard of. */
const lookEvery = 5_000;

/**
 * The messages of a stream that sends a resource as it is, then after each change, until its final state or until the
 * caller leaves.
 * @param desc the message of the stream; two with the same bytes are sent once
 * @param options.watched the resource's changes; closed at the end
 * @param options.since the versions to send after `seen` was sent, the last one the newest. A change between two reads is
 * one of them
 * @throws what `read` throws
 */
export async function* watching<D extends DescMessage, T>(
  desc: D,
  options: {
    readonly watched: Watched;
    readonly read: () => Promise<T>;
    readonly since: (current: T, seen: T) => readonly T[];
    readonly toMessage: (version: T) => MessageShape<D>;
    readonly isFinal: (version: T) => boolean;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<MessageShape<D>> {
  const { watched, read, since, toMessage, isFinal, signal } = options;
  try {
    let seen = await read();
    let sent = toMessage(seen);
    yield sent;
    while (!isFinal(seen) && !signal.aborted) {
      await watched.next(lookEvery, signal);
      if (signal.aborted) return;
      const current = await read();
      for (const version of since(current, seen)) {
        const next = toMessage(version);
        if (isSame(desc, sent, next)) continue;
        sent = next;
        yield sent;
      }
      seen = current;
    }
  } finally {
    watched.close();
  }
}

function isSame<D extends DescMessage>(desc: D, a: MessageShape<D>, b: MessageShape<D>): boolean {
  return Buffer.from(toBinary(desc, a)).equals(toBinary(desc, b));
}
