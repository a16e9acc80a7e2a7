export type { Signer } from './rules/signing-key.ts';
export { signingKeysTable } from './store.ts';
