import type { Algorithm } from '#kit/guard/algorithms.ts';
import { createGuard, type Guard, type GuardOptions } from '#kit/guard/guard.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

type Counted = NonNullable<GuardOptions['revocations']> & { readonly size: number };

/** The guard of a service, as its configuration says. What it does, and what it knows of revocations, is counted. */
export function guardFor(
  config: { readonly issuer: string; readonly audience: string; readonly alg: Algorithm },
  options: Pick<GuardOptions, 'keys'> & { readonly revocations: Counted; readonly metrics: ServiceMetrics },
): Guard {
  const { keys, revocations, metrics } = options;
  metrics.watch('signet_revocations', () => revocations.size);
  metrics.watch('signet_revocations_age_seconds', () => revocations.age());
  return createGuard({
    keys,
    revocations,
    observe: metrics.guard,
    issuer: config.issuer,
    audience: config.audience,
    algorithms: [config.alg],
  });
}
