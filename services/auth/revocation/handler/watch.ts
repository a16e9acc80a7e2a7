import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { setImmediate } from 'node:timers/promises';
import {
  type RevocationService,
  type WatchResponse,
  WatchResponseSchema,
} from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { withEncoded } from '#kit/call/encoded.ts';
import type { LocalRevocations, RevocationPosition } from '../rules.ts';
import { failure } from '../../reasons.ts';

/** Heartbeat interval, ms. Watchers consider a silent stream as disconnected. */
const heartbeatEvery = 1_000;

/**
 * Implements RevocationService. Each watcher reads at its own pace; a slow one does not delay others.
 * @param now the time that watchers adopt, ms since 1970
 */
export function revocationHandler(
  known: LocalRevocations,
  closing: AbortSignal,
  now: () => number,
): ServiceImpl<typeof RevocationService> {
  /** Whether a watcher's position is in the current history. Reads the table first if this replica may lag behind the watcher's last one. */
  async function placeOf(position: RevocationPosition): Promise<{ generation: number; isKnown: boolean }> {
    const mayBeNew = !known.head() || (position.sequence > 0n && !(await known.knows(position)));
    if (mayBeNew) await known.pull();
    // Read before `knows`: if the generation changes meanwhile, the watcher is reset.
    const { generation } = known;
    return { generation, isKnown: await known.knows(position) };
  }

  function headNow(): RevocationPosition {
    const head = known.head();
    if (!head) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    return head;
  }

  return {
    async *watch({ history, sequence, lastId }, { signal }): AsyncIterable<WatchResponse> {
      const ended = AbortSignal.any([signal, closing]);
      let at: RevocationPosition = { history, sequence: BigInt(sequence), lastId };
      const place = await placeOf(at);
      let { generation } = place;
      let reset = !place.isKnown;
      while (!ended.aborted) {
        // Within a generation, this replica issued every position itself.
        if (known.generation !== generation) [generation, reset] = [known.generation, true];
        const head = headNow();
        const page = known.after(reset ? 0n : at.sequence);
        // Entries between the last one and the head have expired.
        const isLast = !page || page.sequence >= head.sequence;
        at = page ? { history: head.history, sequence: page.sequence, lastId: page.id } : head;
        const current = isLast && known.isReady();
        if (reset || page || current) {
          const message = create(WatchResponseSchema, {
            ...at,
            sequence: String(at.sequence),
            reset,
            current,
            sentAt: timestampFromMs(Math.floor(now())),
          });
          yield page ? withEncoded(WatchResponseSchema, message, 'revocations', page.encoded) : message;
          reset = false;
        }
        // Other work of the process takes its turn between the pages of a snapshot.
        if (!isLast) await setImmediate();
        else if (known.generation === generation && known.head()?.sequence === at.sequence)
          await known.changed(heartbeatEvery, ended);
      }
      // On shutdown the watcher reconnects to another replica.
      if (closing.aborted) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    },
  };
}
