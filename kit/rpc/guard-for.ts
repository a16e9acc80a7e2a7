import { createGuard, type Guard } from '#kit/guard/guard.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import type { PublicKeyAlgorithm } from '#kit/guard/algorithms.ts';

/** The guard of a service, as its configuration says. */
export function guardFor(
  config: { readonly issuer: string; readonly audience: string; readonly alg: PublicKeyAlgorithm },
  keys: KeySource,
): Guard {
  return createGuard({ issuer: config.issuer, audience: config.audience, algorithms: [config.alg], keys });
}
