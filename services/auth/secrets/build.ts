import type { Ground } from '../ground.ts';
import { createMasterKey } from './rules/master-key.ts';
import { openMacs, rewrapAll, type SealedTable } from './store.ts';

/**
 * Builds what the master key protects.
 * @param tables of other rooms with sealed columns: they are rewrapped where the master key changes
 * @throws StartError where something was sealed under another master key
 */
export async function buildSecrets({ config, db, log }: Ground, tables: readonly SealedTable[]) {
  const { masterKey: current, masterKeyPrevious: previous } = config;
  if (previous) await rewrapAll(db, { current, previous }, tables, log);
  const master = createMasterKey(current);
  return { master, macs: await openMacs(db, master) };
}
