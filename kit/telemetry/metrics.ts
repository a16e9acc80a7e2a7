import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { GuardObserver } from '#kit/guard/verifier.ts';

/** What is read when somebody looks, by the name that it is shown under. */
const gauges = {
  signet_streams: 'Streaming calls that are open.',
  signet_revocations: 'Revocations that a guard holds.',
  signet_revocations_age_seconds: 'Seconds since revocations were last heard of.',
  signet_password_hashes_running: 'Password hashes that are being worked on.',
  signet_password_hashes_waiting: 'Password hashes that wait their turn.',
  signet_database_connections: 'Connections to the database that are open.',
  signet_database_connections_idle: 'Connections to the database that nobody uses.',
  signet_database_waiting: 'Statements that wait for a connection to the database.',
} as const;

/** Upper ends of the classes of durations, s. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What one service of a process counts. */
export interface ServiceMetrics {
  /** Counts a call that has ended: its method's full name, its gRPC code, and how long it took, s. */
  call(method: string, code: string, seconds: number): void;
  /** Counts an error that no caller hears of, because its call had ended. */
  strayError(): void;
  /** Counts a run of background work (kit/work), and how long it took, s. */
  work(name: string, outcome: 'ok' | 'failed', seconds: number): void;
  /** Counts what the service's guard does. */
  readonly guard: Required<GuardObserver>;
  /** Has something shown, read whenever somebody looks. */
  watch(name: keyof typeof gauges, read: () => number): void;
}

/** What a process counts. */
export interface Metrics {
  /** The metrics of one of its services. */
  of(service: string): ServiceMetrics;
  /** Counts a rejected promise that nothing handled. */
  unhandledRejection(): void;
  /** All of it in Prometheus's text format. */
  text(): Promise<string>;
  /** That format's media type. */
  readonly contentType: string;
}

/** Counts nothing. */
export const noMetrics: ServiceMetrics = {
  call: () => undefined,
  strayError: () => undefined,
  work: () => undefined,
  guard: { decision: () => undefined, cache: () => undefined },
  watch: () => undefined,
};

/** Makes the metrics of a process, those of Node itself among them. */
export function createMetrics(): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const calls = new Counter({
    name: 'signet_calls_total',
    help: 'Calls that have ended, by outcome (gRPC code).',
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
    help: 'Calls that a guard admitted, or refused for a reason.',
    labelNames: ['service', 'outcome'],
    registers,
  });
  const lookups = new Counter({
    name: 'signet_guard_cache_lookups_total',
    help: 'Tokens that a guard looked up among those that it has verified.',
    labelNames: ['service', 'result'],
    registers,
  });
  const stray = new Counter({
    name: 'signet_stray_errors_total',
    help: 'Errors of calls that had ended, so that no caller heard of them. Each is a fault of ours, in the log.',
    labelNames: ['service'],
    registers,
  });
  const works = new Counter({
    name: 'signet_work_runs_total',
    help: 'Runs of background work, by outcome (ok, failed).',
    labelNames: ['service', 'work', 'outcome'],
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
    help: 'Rejected promises that nothing handled. Each is a fault of ours, in the log.',
    registers,
  });
  const watched = new Map<keyof typeof gauges, Map<string, () => number>>();

  function watch(name: keyof typeof gauges, service: string, read: () => number): void {
    const known = watched.get(name);
    if (known) return void known.set(service, read);
    const readers = new Map([[service, read]]);
    watched.set(name, readers);
    const gauge = new Gauge({
      name,
      help: gauges[name],
      labelNames: ['service'],
      registers: [],
      collect() {
        for (const [label, value] of readers) this.set({ service: label }, value());
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
        workDurations.observe({ service, work: name }, seconds);
      },
      guard: {
        decision: (outcome) => decisions.inc({ service, outcome }),
        cache: (hit) => lookups.inc({ service, result: hit ? 'hit' : 'miss' }),
      },
      watch: (name, read) => watch(name, service, read),
    }),
    unhandledRejection: () => unhandled.inc(),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}
