import type { Revocations } from '#kit/guard/revocations.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

/** A deviation that is logged, s. Others that verify Signet's tokens by their own clocks allow 5 s. */
const notable = 2;
/** Interval of checking the deviation, ms. */
const checkEvery = 1_000;

/** Times that are watched already: guards of one process share them. */
const watched = new WeakSet<object>();

/**
 * Measures and logs how far this machine's clock deviates from the one by which tokens are issued and judged: the clock of
 * the auth service's database.
 * @returns stops watching
 */
export function watchSkew(
  time: NonNullable<Revocations['time']>,
  { log, metrics }: { readonly log: Log; readonly metrics: ServiceMetrics },
): () => void {
  metrics.watch('signet_clock_skew_seconds', time.skew);
  if (watched.has(time)) return () => undefined;
  watched.add(time);
  let logged = 0;
  const timer = setInterval(() => {
    const skew = time.skew();
    if (Math.abs(skew) < notable && logged !== 0) {
      logged = 0;
      log.info("this machine's clock is right again");
    } else if (Math.abs(skew) >= notable && Math.abs(skew - logged) >= notable) {
      logged = skew;
      const seconds = Math.abs(skew).toFixed(1);
      log.warn(
        { clock_skew: skew },
        `this machine's clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the auth service's database, by which tokens ` +
          'are issued and judged; synchronize both (NTP)',
      );
    }
  }, checkEvery).unref();
  return () => clearInterval(timer);
}
