import type { Log } from '#kit/log/log.ts';
import { outsideCalls } from '#kit/call/call.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

/** Work that no call asked for. It does nothing until `startWork` starts it. */
export interface Work {
  /** Names it in the log and in metrics; one of its kind in a service. */
  readonly name: string;
  /** From the beginning of one run to the beginning of the next, ms. */
  readonly period: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Runs it now; where it is running, once more afterwards. Before it is started, and once it is closed, no effect. */
  wake(): void;
  /** Has `wake` call a function. For `startWork`. */
  onWake(run: (() => void) | undefined): void;
}

/** Longest time that a timer of Node can wait, ms: a longer one fires at once. */
const longestPeriod = 2 ** 31 - 1;

/**
 * Describes work that runs at intervals. Runs of it never overlap in a process; replicas may run it at the same time.
 * @param period from the beginning of one run to the beginning of the next, ms
 * @param run gets a signal that aborts at close; what it throws is logged and tried again a period later
 * @throws RangeError on a period that is no time or longer than a timer can wait
 */
export function every(name: string, period: number, run: (signal: AbortSignal) => Promise<void>): Work {
  if (!(period > 0 && period <= longestPeriod)) {
    throw new RangeError(`the period of "${name}" must be from 1 to ${longestPeriod} ms, not ${period}`);
  }
  let woken: (() => void) | undefined;
  return { name, period, run, wake: () => woken?.(), onWake: (call) => (woken = call) };
}

/** Work that has been started. */
export interface RunningWork {
  /** Begins no run any more, aborts those under way and waits for their end: close what they use after it. */
  close(): Promise<void>;
}

/**
 * Starts work: each for the first time a period from now. It runs outside any call. The log has a line where work begins
 * to fail and one where it succeeds again; the metrics count every run.
 * @throws Error where two have the same name
 */
export function startWork(
  all: readonly Work[],
  { log, metrics }: { readonly log: Log; readonly metrics: Pick<ServiceMetrics, 'work'> },
): RunningWork {
  const twice = all.find(({ name }, place) => all.findIndex((one) => one.name === name) !== place);
  if (twice) throw new Error(`there are two works named "${twice.name}"`);
  const closing = new AbortController();
  const running = all.map((work) => outsideCalls(() => keepRunning(work, closing.signal, { log, metrics })));
  return {
    async close() {
      closing.abort();
      await Promise.all(running.map((close) => close()));
    },
  };
}

/** Runs one work until it is closed; the function that is answered waits for the run under way. */
function keepRunning(
  work: Work,
  closing: AbortSignal,
  { log, metrics }: { readonly log: Log; readonly metrics: Pick<ServiceMetrics, 'work'> },
): () => Promise<void> {
  const { name, period, run } = work;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let isDue = false;
  let isFailing = false;

  async function once(): Promise<void> {
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1_000;
    try {
      await run(closing);
      metrics.work(name, 'ok', seconds());
      if (isFailing) log.info({ work: name }, 'background work succeeds again');
      isFailing = false;
    } catch (error) {
      // A run that stops at close has not failed.
      if (closing.aborted) return;
      metrics.work(name, 'failed', seconds());
      if (!isFailing) log.warn({ err: error, work: name }, 'background work fails; it is tried again');
      isFailing = true;
    }
  }

  function begin(): void {
    if (closing.aborted) return;
    if (underWay) {
      isDue = true;
      return;
    }
    clearTimeout(timer);
    isDue = false;
    const began = performance.now();
    underWay = (async () => {
      await once();
      underWay = undefined;
      if (isDue) begin();
      else wait(period - (performance.now() - began));
    })();
  }

  function wait(ms: number): void {
    if (!closing.aborted) timer = setTimeout(begin, Math.max(0, ms)).unref();
  }

  // A caller's context must not be the run's: it may have a deadline.
  work.onWake(() => outsideCalls(begin));
  wait(period);
  return async () => {
    clearTimeout(timer);
    work.onWake(undefined);
    await underWay;
  };
}
