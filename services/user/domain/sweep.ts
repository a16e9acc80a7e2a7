import type { Accounts, ProfileStore } from './profiles.ts';

/** Accounts per call to the auth service. */
const batch = 500;
/** Batches per run; a larger table takes several runs. */
const batches = 20;

/**
 * Creates the sweep that erases remaining profiles of deleted accounts. It relies on the auth service's record of
 * deletions, never on the absence of an account, so a new or restored accounts database deletes no profile. Several
 * replicas may sweep concurrently.
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
