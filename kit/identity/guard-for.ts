import { setTimeout } from 'node:timers/promises';
import type { Algorithm } from '#kit/guard/algorithms.ts';
import { createGuard, type Guard, type GuardOptions } from '#kit/guard/guard.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import { safeUrl } from '#kit/guard/plain-http.ts';
import type { Need, Trouble } from '#kit/guard/trouble.ts';
import type { Log } from '#kit/log/log.ts';
import { watchSkew } from './clock-skew.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

type Counted = Exclude<GuardOptions['revocations'], 'none'> & { readonly size: number };

/**
 * Creates the guard of a service from its configuration, with metrics of decisions,
 * revocations and the clock, and a log of missing data.
 */
export function guardFor(
  config: { readonly issuer: string; readonly audience: string; readonly alg: Algorithm },
  options: Pick<GuardOptions, 'keys'> & {
    readonly revocations: Counted;
    readonly metrics: ServiceMetrics;
    readonly log: Log;
  },
): Guard {
  const { keys, revocations, metrics, log } = options;
  metrics.watch('signet_revocations', () => revocations.size);
  metrics.watch('signet_revocations_age_seconds', () => revocations.age());
  const stop = revocations.time && watchSkew(revocations.time, { log, metrics });
  const guard = createGuard({
    keys,
    revocations,
    observe: metrics.guard,
    onTrouble: troubleLog(log),
    issuer: config.issuer,
    audience: config.audience,
    algorithms: [config.alg],
  });
  return {
    ...guard,
    close() {
      stop?.();
      guard.close();
    },
  };
}

/** Creates the key source of the auth service's keys, for another process. @throws StartError on an insecure URL */
export function jwksFor(config: { readonly jwksUrl: string; readonly jwksHttp: 'private' | 'any' }): KeySource {
  const { jwksUrl: url, jwksHttp } = config;
  const insecureHttp = jwksHttp === 'any';
  try {
    safeUrl('SIGNET_JWKS_URL', url, insecureHttp);
  } catch (error) {
    const { message } = error as Error;
    throw new StartError(message.replace('set insecureHttp to accept it', 'set SIGNET_JWKS_HTTP=any to accept it'));
  }
  return remoteJwks({ url, insecureHttp });
}

/** How long a process waits for its guard before it opens its port, ms. */
const patience = 2_000;

/**
 * Waits for a guard's keys and revocations before a port opens, so that no client finds a replica that refuses its token.
 * Where auth is away, the port opens without them: the service is alive and not ready.
 */
export async function guardSoon(guard: Guard): Promise<void> {
  const late = new AbortController();
  const waited = setTimeout(patience, undefined, { signal: late.signal }).catch(() => undefined);
  await Promise.race([guard.ready().catch(() => undefined), waited]);
  late.abort();
}

/** Logs that a service listens, and, once its guard can work, that it is ready. Returns the promise of the latter. */
export function logWhenReady(guard: Guard, name: string, ports: Readonly<Record<string, number>>, log: Log) {
  log.info(ports, `${name} listens`);
  const ready = guard.ready();
  ready.then(
    () => log.info(ports, `${name} is ready`),
    // Rejects if closed before.
    () => undefined,
  );
  return ready;
}

/** Creates a callback that logs new, changed and resolved troubles. */
function troubleLog(log: Log): (troubles: readonly Trouble[]) => void {
  const known = new Map<Need, string>();
  return (troubles) => {
    for (const { need, why } of troubles) {
      if (known.get(need) !== why) log.warn({ need, why }, 'the guard cannot load its data');
      known.set(need, why);
    }
    for (const need of known.keys()) {
      if (troubles.some((trouble) => trouble.need === need)) continue;
      known.delete(need);
      log.info({ need }, 'the guard has loaded its data again');
    }
  };
}
