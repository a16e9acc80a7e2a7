import type { Algorithm } from '#kit/guard/algorithms.ts';
import { createGuard, type Guard, type GuardOptions } from '#kit/guard/guard.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import type { KeySource } from '#kit/guard/keys.ts';
import { safeUrl } from '#kit/guard/plain-http.ts';
import type { Need, Trouble } from '#kit/guard/trouble.ts';
import type { Log } from '#kit/log/log.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

type Counted = Exclude<GuardOptions['revocations'], 'none'> & { readonly size: number };

/**
 * The guard of a service, as its configuration says. What it does, and what it
 * knows of revocations, is counted; what it cannot get is logged.
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
  return createGuard({
    keys,
    revocations,
    observe: metrics.guard,
    onTrouble: troubleLog(log),
    issuer: config.issuer,
    audience: config.audience,
    algorithms: [config.alg],
  });
}

/** The keys of the auth service, for a service of another process. @throws StartError where they are not to be read there */
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

/** Logs that a service listens, and that it is ready once its guard can work. Answers when that is. */
export function logWhenReady(guard: Guard, name: string, ports: Readonly<Record<string, number>>, log: Log) {
  log.info(ports, `${name} listens`);
  const ready = guard.ready();
  ready.then(
    () => log.info(ports, `${name} is ready`),
    // Closed before.
    () => undefined,
  );
  return ready;
}

/** Logs what comes, what changes and what goes. */
function troubleLog(log: Log): (troubles: readonly Trouble[]) => void {
  const known = new Map<Need, string>();
  return (troubles) => {
    for (const { need, why } of troubles) {
      if (known.get(need) !== why) log.warn({ need, why }, 'the guard cannot get what it needs');
      known.set(need, why);
    }
    for (const need of known.keys()) {
      if (troubles.some((trouble) => trouble.need === need)) continue;
      known.delete(need);
      log.info({ need }, 'the guard has again what it needs');
    }
  };
}
