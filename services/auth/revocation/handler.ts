import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type RevocationService,
  type WatchResponse,
  WatchResponseSchema,
} from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import type { LocalRevocations, RevocationPosition } from './rules.ts';
import { failure } from '../reasons.ts';

/** A watcher that has heard nothing for longer would think that it is cut off, ms. */
const heartbeatEvery = 1_000;

/** RevocationService: what this replica knows, told to verifiers. Each reads at its own pace; none is waited for. */
export function revocationHandler(
  known: LocalRevocations,
  closing: AbortSignal,
): ServiceImpl<typeof RevocationService> {
  /** Where a watcher that comes with a position stands. A replica that may lag behind the watcher's last one looks at the table first. */
  async function placeOf(position: RevocationPosition): Promise<{ generation: number; isKnown: boolean }> {
    const mayBeNew = !known.head() || (position.sequence > 0n && !(await known.knows(position)));
    if (mayBeNew) await known.pull();
    // Read first: where it changes meanwhile, the answer counts for nothing.
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
      const over = AbortSignal.any([signal, closing]);
      let at: RevocationPosition = { history, sequence: BigInt(sequence), lastId };
      const place = await placeOf(at);
      let { generation } = place;
      let reset = !place.isKnown;
      while (!over.aborted) {
        // Within a generation, each position is one that this replica gave itself.
        if (known.generation !== generation) [generation, reset] = [known.generation, true];
        const head = headNow();
        const page = await known.after(reset ? 0n : at.sequence);
        // Part of it may be of another table.
        if (known.generation !== generation) continue;
        const last = page.at(-1);
        // What lies between the last of them and the head has expired: there is nothing to send of it.
        const isLast = !last || last.sequence >= head.sequence;
        at = last ? { history: head.history, sequence: last.sequence, lastId: last.id } : head;
        const current = isLast && known.isReady();
        if (reset || page.length > 0 || current) {
          const revocations = page.map(({ revocation }) => revocation);
          const position = { history: at.history, sequence: String(at.sequence), lastId: at.lastId };
          yield create(WatchResponseSchema, { ...position, reset, current, revocations });
          reset = false;
        }
        if (isLast && known.head()?.sequence === at.sequence) await known.changed(heartbeatEvery, over);
      }
      // A stream that ends because the replica does is taken up at another one.
      if (closing.aborted) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    },
  };
}
