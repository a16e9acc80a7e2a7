import type { Algorithm } from '#kit/guard/algorithms.ts';
import { createGuard, type Guard, type GuardOptions } from '#kit/guard/guard.ts';

/** The guard of a service, as its configuration says. */
export function guardFor(
  config: { readonly issuer: string; readonly audience: string; readonly alg: Algorithm },
  options: Pick<GuardOptions, 'keys' | 'revocations' | 'observe'>,
): Guard {
  return createGuard({ ...options, issuer: config.issuer, audience: config.audience, algorithms: [config.alg] });
}
