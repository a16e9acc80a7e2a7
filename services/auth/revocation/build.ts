import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { sweeping } from '#kit/work/sweep.ts';
import { every } from '#kit/work/work.ts';
import type { Ground } from '../ground.ts';
import { revocationHandler } from './handler.ts';
import { createLocalRevocations } from './rules.ts';
import { createRevocationStore } from './store/revocations.ts';

/** Poll interval of the table, in case a notification is lost, ms. */
const pollEvery = 1_000;

/** Builds the room `revocation`. Resolves when the table has been read. */
export async function buildRevocation({ db, clock }: Ground) {
  const store = createRevocationStore(db);
  const known = createLocalRevocations(store, clock);
  const poll = every('read revocations', pollEvery, known.pull);
  await known.ready();
  const closing = new AbortController();
  return {
    known,
    work: [poll, sweeping('revocations', store)],
    /** Reads the table now, because another replica wrote to it. */
    changed: poll.wake,
    mounted: [mount(RevocationService, revocationHandler(known, closing.signal, clock.now))],
    close() {
      closing.abort();
      known.close();
    },
  };
}
