import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { GuardObserver } from '#kit/guard/verifier.ts';

/** Help texts of gauges, by name. */
const gauges = {
  signet_streams: 'Open streaming calls.',
  signet_revocations: 'Revocations in memory.',
  signet_revocations_age_seconds: 'Age of the revocation data, in seconds.',
  signet_password_hashes_running: 'Password hashes being computed.',
  signet_password_hashes_waiting: 'Password hashes waiting to be computed.',
  signet_clock_skew_seconds:
    "How far this machine's clock is ahead of the auth service's database, in seconds; negative if behind.",
  signet_database_connections: 'Open database connections.',
  signet_database_connections_idle: 'Idle database connections.',
  signet_database_waiting: 'Statements waiting for a database connection.',
  signet_audit_unchained: 'Committed audit events that are not in the hash chain yet.',
  signet_audit_unchained_age_seconds: 'Age of the oldest audit event that is not in the hash chain, in seconds.',
  signet_events_lag: 'Events of a producer that the service has not consumed.',
  signet_signing_key_activation_timestamp_seconds: 'Unix time at which the active signing key began to sign.',
  signet_signing_key_rotation_timestamp_seconds: 'Unix time at which the next signing key is to sign.',
  signet_redis_available: '1 if the edge counts requests in Redis, 0 if in its memory because Redis is unavailable.',
  signet_tls_certificate_expiry_timestamp_seconds: 'Unix time at which the certificate of the TLS port expires.',
  signet_events_lag_seconds: 'Seconds since the service last had all events of a producer.',
} as const;

/** Upper bounds of the histogram buckets, s. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Labels of a gauge: the service and, for values per producer, the producer. */
interface GaugeLabels {
  readonly service: string;
  readonly source?: string;
}

/** Metrics of one service. */
export interface ServiceMetrics {
  /** Counts an ended call: full method name, gRPC code, duration in seconds. */
  call(method: string, code: string, seconds: number): void;
  /** Counts an internal error that occurs after its call has ended. */
  strayError(): void;
  /** Counts a run of background work (kit/work), with its duration in seconds. */
  work(name: string, outcome: 'ok' | 'failed', seconds: number): void;
  /** Counts decisions and cache lookups of the guard. */
  readonly guard: Required<GuardObserver>;
  /** Registers a gauge, which is read at each scrape; with `source`, one per producer. */
  watch(name: keyof typeof gauges, read: () => number, labels?: { readonly source: string }): void;
}

/** Metrics of a process. */
export interface Metrics {
  /** Returns the metrics of a service. */
  of(service: string): ServiceMetrics;
  /** Counts an unhandled promise rejection. */
  unhandledRejection(): void;
  /** Returns all metrics in Prometheus's text format. */
  text(): Promise<string>;
  /** Media type of `text`. */
  readonly contentType: string;
}

/** Metrics that count nothing. */
export const noMetrics: ServiceMetrics = {
  call: () => undefined,
  strayError: () => undefined,
  work: () => undefined,
  guard: { decision: () => undefined, cache: () => undefined },
  watch: () => undefined,
};

/** Creates the metrics of a process, including Node's default metrics. */
export function createMetrics(): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const calls = new Counter({
    name: 'signet_calls_total',
    help: 'Ended calls, by gRPC code.',
    labelNames: ['service', 'method', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'signet_call_duration_seconds',
    help: 'Time from the headers of a call to its end.',
    labelNames: ['service', 'method'],
    buckets,
    registers,
  });
  const decisions = new Counter({
    name: 'signet_guard_decisions_total',
    help: 'Decisions of the guard: admitted, or the reason of the refusal.',
    labelNames: ['service', 'outcome'],
    registers,
  });
  const lookups = new Counter({
    name: 'signet_guard_cache_lookups_total',
    help: 'Lookups in the cache of verified tokens.',
    labelNames: ['service', 'result'],
    registers,
  });
  const stray = new Counter({
    name: 'signet_stray_errors_total',
    help: 'Internal errors after the end of a call. The log has each.',
    labelNames: ['service'],
    registers,
  });
  const works = new Counter({
    name: 'signet_work_runs_total',
    help: 'Runs of background work, by outcome (ok, failed).',
    labelNames: ['service', 'work', 'outcome'],
    registers,
  });
  const workSuccesses = new Gauge({
    name: 'signet_work_last_success_timestamp_seconds',
    help: 'When a run of background work last succeeded, in seconds since 1970.',
    labelNames: ['service', 'work'],
    registers,
  });
  const workDurations = new Histogram({
    name: 'signet_work_duration_seconds',
    help: 'Duration of a run of background work.',
    labelNames: ['service', 'work'],
    buckets,
    registers,
  });
  const unhandled = new Counter({
    name: 'signet_unhandled_rejections_total',
    help: 'Unhandled promise rejections. The log has each.',
    registers,
  });
  const watched = new Map<keyof typeof gauges, Map<string, { labels: GaugeLabels; read: () => number }>>();

  function watch(name: keyof typeof gauges, labels: GaugeLabels, read: () => number): void {
    const known = watched.get(name);
    const readers = known ?? new Map<string, { labels: GaugeLabels; read: () => number }>();
    readers.set(JSON.stringify(labels), { labels, read });
    if (known) return;
    watched.set(name, readers);
    const gauge = new Gauge({
      name,
      help: gauges[name],
      labelNames: ['service', 'source'],
      registers: [],
      collect() {
        for (const reader of readers.values()) this.set(reader.labels, reader.read());
      },
    });
    register.registerMetric(gauge);
  }

  return {
    of: (service) => ({
      call(method, code, seconds) {
        calls.inc({ service, method, code });
        durations.observe({ service, method }, seconds);
      },
      strayError: () => stray.inc({ service }),
      work(name, outcome, seconds) {
        works.inc({ service, work: name, outcome });
        if (outcome === 'ok') workSuccesses.set({ service, work: name }, Date.now() / 1_000);
        workDurations.observe({ service, work: name }, seconds);
      },
      guard: {
        decision: (outcome) => decisions.inc({ service, outcome }),
        cache: (hit) => lookups.inc({ service, result: hit ? 'hit' : 'miss' }),
      },
      watch: (name, read, labels) => watch(name, { service, ...labels }, read),
    }),
    unhandledRejection: () => unhandled.inc(),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}
