// The package @signet/guard.
export { assertCovered } from '../../kit/guard/access.ts';
export type { Acr } from '../../kit/guard/acr.ts';
export type { Algorithm, PublicKeyAlgorithm } from '../../kit/guard/algorithms.ts';
export { asService } from '../../kit/guard/as-service.ts';
export type { Caller, Principal } from '../../kit/guard/claims.ts';
export type { HeaderSource } from '../../kit/guard/credentials.ts';
export { detailOf, metadataOf, refusalReasonOf } from '../../kit/guard/error.ts';
export { createGuard, type Guard, type GuardOptions } from '../../kit/guard/guard.ts';
export { localJwks, remoteJwks, type RemoteJwksOptions } from '../../kit/guard/jwks.ts';
export type { KeySource, KeyTimes } from '../../kit/guard/keys.ts';
export type { Identity } from '../../kit/guard/policy.ts';
export { type GuardReason, guardReasons, type ReasonEntry } from '../../kit/guard/reasons.ts';
export { type RevocationFeed, type RevocationFeedOptions, watchRevocations } from '../../kit/guard/revocation-feed.ts';
export type { Revocable, Revocations } from '../../kit/guard/revocations.ts';
export { type AccessRule, assertRule, type ServiceRule, type UserRule } from '../../kit/guard/rule.ts';
export { createServiceGuard, type ServiceGuard, type ServiceGuardOptions } from '../../kit/guard/service-guard.ts';
export {
  createServiceIdentity,
  type ServiceIdentity,
  type ServiceIdentityOptions,
} from '../../kit/guard/service-identity.ts';
export type { SecretText } from '../../kit/guard/service-key.ts';
export { sharedSecret } from '../../kit/guard/shared-secret.ts';
export type { Need, Trouble } from '../../kit/guard/trouble.ts';
export type { GuardObserver } from '../../kit/guard/verifier.ts';
