export type { Macs, MasterKey } from './rules/master-key.ts';
export type { SealedTable } from './store.ts';
