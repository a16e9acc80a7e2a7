import type { Accounts, ProfileStore } from './profiles.ts';

/** Accounts asked about at once. */
const batch = 500;
/** Batches of one sweep: a table larger than that is swept over several. */
const batches = 20;

/**
 * Creates the sweep that erases profiles of deleted accounts: those whose erasure failed after the account was
 * deleted. It goes by the auth service's record of deletions, never by an account's absence, so that a new or restored
 * database of accounts costs no profile. Any number of replicas may sweep at once.
 */
export function createSweep(deps: {
  readonly store: Pick<ProfileStore, 'page' | 'erase'>;
  readonly accounts: Pick<Accounts, 'deletedAmong'>;
}): (signal: AbortSignal) => Promise<void> {
  const { store, accounts } = deps;
  let after: string | undefined;
  return async (signal) => {
    for (let count = 0; count < batches && !signal.aborted; count++) {
      const ids = await store.page(after, batch);
      const deleted = ids.length > 0 ? await accounts.deletedAmong(ids) : [];
      if (deleted.length > 0) await store.erase(deleted);
      after = ids.length === batch ? ids.at(-1) : undefined;
      if (after === undefined) return;
    }
  };
}
