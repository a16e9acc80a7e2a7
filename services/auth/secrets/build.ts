import type { Ground } from '../ground.ts';
import { createMasterKey } from './rules/master-key.ts';
import { openMacs, rewrapAll, type SealedTable } from './store.ts';

/**
 * Builds the room `secrets`: the master key and the secrets sealed under it.
 * @param tables tables of other rooms with sealed columns, rewrapped when the master key changes
 * @throws StartError if a value was sealed under another master key
 */
export async function buildSecrets({ config, db, log }: Ground, tables: readonly SealedTable[]) {
  const { masterKey: current, masterKeyPrevious: previous } = config;
  if (previous) await rewrapAll(db, { current, previous }, tables, log);
  const master = createMasterKey(current);
  return { master, macs: await openMacs(db, master) };
}
