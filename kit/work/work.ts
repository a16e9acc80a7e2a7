import type { Log } from '#kit/log/log.ts';
import { outsideCalls } from '#kit/call/call.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';

/** Background work. It does nothing until `startWork` starts it. */
export interface Work {
  /** Name in the log and in metrics, unique in a service. */
  readonly name: string;
  /** Interval between the starts of two runs, ms. */
  readonly period: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Runs the work now, or once more if it is running. No effect before it is started and after it is closed. */
  wake(): void;
  /** Sets the function that `wake` calls. For `startWork`. */
  onWake(run: (() => void) | undefined): void;
}

/** Maximum delay of a Node timer, ms. A longer delay fires at once. */
const maxPeriod = 2 ** 31 - 1;

/**
 * Defines periodic work. Runs do not overlap in a process; replicas may run it at the same time.
 * @param period interval between the starts of two runs, ms
 * @param run gets a signal that aborts at close; its error is logged, and the next run is a period later
 * @throws RangeError if the period is not above 0 or longer than the maximum of a timer
 */
export function every(name: string, period: number, run: (signal: AbortSignal) => Promise<void>): Work {
  if (!(period > 0 && period <= maxPeriod)) {
    throw new RangeError(`the period of "${name}" must be from 1 to ${maxPeriod} ms, not ${period}`);
  }
  let woken: (() => void) | undefined;
  return { name, period, run, wake: () => woken?.(), onWake: (call) => (woken = call) };
}

/** Started work. */
export interface RunningWork {
  /** Starts no more runs, aborts running ones and waits for them. Close the resources that they use afterwards. */
  close(): Promise<void>;
}

/**
 * Starts work, outside any call context. The first run is a period from now. Logs when work begins to fail and when it
 * succeeds again; metrics count every run.
 * @throws Error if two have the same name
 */
export function startWork(
  all: readonly Work[],
  { log, metrics }: { readonly log: Log; readonly metrics: Pick<ServiceMetrics, 'work'> },
): RunningWork {
  const duplicate = all.find(({ name }, place) => all.findIndex((one) => one.name === name) !== place);
  if (duplicate) throw new Error(`duplicate work "${duplicate.name}"`);
  const closing = new AbortController();
  const running = all.map((work) => outsideCalls(() => keepRunning(work, closing.signal, { log, metrics })));
  return {
    async close() {
      closing.abort();
      await Promise.all(running.map((close) => close()));
    },
  };
}

/** Runs work periodically until it is closed. The returned function waits for the current run. */
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
      // A run that close aborts has not failed.
      if (closing.aborted) return;
      metrics.work(name, 'failed', seconds());
      if (!isFailing) log.warn({ err: error, work: name }, 'background work failed; will be retried');
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

  // Outside the call that wakes it, which may have a deadline.
  work.onWake(() => outsideCalls(begin));
  wait(period);
  return async () => {
    clearTimeout(timer);
    work.onWake(undefined);
    await underWay;
  };
}
