import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type RevocationService,
  type WatchResponse,
  WatchResponseSchema,
} from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import type { LocalRevocations } from '../store/revocation-feed.ts';
import type { RevocationHead } from '../store/revocations.ts';

/** A watcher that has heard nothing for longer would think that it is cut off, ms. */
const heartbeatEvery = 1_000;

/** RevocationService: what this replica knows, told to verifiers. Each reads at its own pace; none is waited for. */
export function revocationHandler(
  known: LocalRevocations,
  closing: AbortSignal,
): ServiceImpl<typeof RevocationService> {
  /** How far this replica has come. One that lags behind the watcher's last one looks at the table first. */
  async function headFor(history: string, sequence: bigint): Promise<RevocationHead> {
    const head = known.head();
    if (head && (head.history !== history || head.sequence >= sequence)) return head;
    await known.pull();
    const now = known.head();
    if (!now) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    return now;
  }

  return {
    async *watch({ history, sequence }, { signal }): AsyncIterable<WatchResponse> {
      const over = AbortSignal.any([signal, closing]);
      let at = BigInt(sequence);
      let its = history;
      while (!over.aborted) {
        const head = await headFor(its, at);
        const reset = its !== head.history || at > head.sequence;
        if (reset) [at, its] = [0n, head.history];
        const page = await known.after(at);
        const last = page.at(-1)?.sequence ?? 0n;
        // What lies between the last of them and the head has expired, and is nothing to be told.
        const isLast = last >= head.sequence || page.length === 0;
        at = isLast && last < head.sequence ? head.sequence : last;
        const current = isLast && known.isReady();
        if (reset || page.length > 0 || current) {
          const revocations = page.map(({ revocation }) => revocation);
          yield create(WatchResponseSchema, { history: its, sequence: String(at), reset, current, revocations });
        }
        if (isLast && known.head()?.sequence === at) await known.changed(heartbeatEvery, over);
      }
      // A stream that ends because the replica does is taken up at another one.
      if (closing.aborted) throw failure('SERVICE_UNAVAILABLE', { retryAfter: 1 });
    },
  };
}
