import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createSequencer, numbering } from '#kit/events/sequencer.ts';
import { sweeping } from '#kit/work/sweep.ts';
import { every } from '#kit/work/work.ts';
import { audited } from '../audit/public.ts';
import type { Ground } from '../ground.ts';
import { createRevocationLog } from './handler/log.ts';
import { revocationHandler } from './handler/watch.ts';
import { createLocalRevocations } from './rules.ts';
import { createRevocationStore, expiredRevocations, revocationSequence } from './store/revocations.ts';

/** Poll interval of the table, in case a notification is lost, ms. */
const pollEvery = 1_000;

/**
 * Interval of numbering without an act of this process, ms: for the revocations of a process that was killed, and of a
 * statement that an operator runs. Every verifier must have them within a second.
 */
const numberEvery = 250;

/** Builds the room `revocation`. Resolves when the table has been read. */
export async function buildRevocation({ statements, clock }: Pick<Ground, 'statements' | 'clock'>) {
  const store = createRevocationStore(statements);
  const known = createLocalRevocations(store, clock, createRevocationLog);
  const poll = every('read revocations', pollEvery, known.pull);
  const number = numbering(
    'number revocations',
    numberEvery,
    createSequencer(statements, revocationSequence),
    poll.wake,
  );
  // Every act that revokes something is audited.
  const leave = audited.wakes(number);
  await known.ready();
  const closing = new AbortController();
  return {
    known,
    work: [number, poll, sweeping(statements, 'auth', 'revocations', expiredRevocations)],
    /** Reads the table now, because another replica wrote to it. */
    changed: poll.wake,
    mounted: [mount(RevocationService, revocationHandler(known, closing.signal, clock.now))],
    close() {
      leave();
      closing.abort();
      known.close();
    },
  };
}
