export type { Signer } from './rules/signing-key.ts';
export { revokeAllKeys, signingKeysTable } from './store.ts';
