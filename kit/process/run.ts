import { setTimeout as setTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { explain } from './start-error.ts';
import { isSupervised, type Message, type Started } from './supervisor.ts';

/** Resources to close, last opened first. */
export interface Closing {
  /**
   * Adds a resource.
   * @param force called instead of `close` if there is no time to wait
   */
  add(close: () => unknown, force?: () => void): void;
  /** Aborted when the process begins to stop. It still answers, and is not ready. */
  readonly draining: AbortSignal;
  /** Keeps the resources open for a time after that, ms, so that callers leave first. The longest time counts. */
  keepOpen(ms: number): void;
}

/** Ends the process with an error that occurs after its start. */
export type Fail = (error: unknown) => void;

/** Maximum wait for calls in progress when a process is stopped, ms. */
export const drainTime = 10_000;

/**
 * Runs a process: starts it, drains it on SIGTERM, SIGINT and SIGHUP, closes its
 * resources in reverse order after the time of `keepOpen`, and exits. A second signal exits at once. If the start
 * fails, resources opened so far are closed. A supervisor receives the result of
 * `start`; if the supervisor ends, the process drains.
 * @param longest maximum time of closing all resources, ms
 */
export async function runProcess(
  start: (closing: Closing, fail: Fail) => Promise<Started | void>,
  longest = drainTime,
): Promise<void> {
  const open: { close: () => unknown; force: (() => void) | undefined }[] = [];
  const draining = new AbortController();
  let delay = 0;
  let ending = false;

  function leave(): never {
    for (const { force } of open.toReversed()) force?.();
    process.exit(1);
  }

  async function end(code: number): Promise<void> {
    if (ending) return leave();
    ending = true;
    if (process.stderr.isTTY) process.stderr.write('\nsignet: stopping; waiting for calls in progress\n');
    draining.abort();
    if (code === 0 && delay > 0) await setTimeout(delay);
    setTimer(() => {
      process.stderr.write('signet: some calls did not finish in time\n');
      leave();
    }, longest).unref();
    let failed = false;
    for (const { close } of open.toReversed()) {
      try {
        await close();
      } catch (error) {
        failed = true;
        process.stderr.write(`signet: ${explain(error)}\n`);
      }
    }
    process.exit(failed ? 1 : code);
  }

  function fail(reason: unknown): void {
    process.stderr.write(`signet: ${explain(reason)}\n`);
    end(1).catch(leave);
  }

  function drain(): void {
    end(0).catch(fail);
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, drain);
  // A closed terminal breaks these streams; the process must still drain.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('uncaughtException', fail);
  if (isSupervised()) {
    if (!process.connected) process.exit(1);
    process.once('disconnect', drain);
  }
  try {
    const closing: Closing = {
      add: (close, force) => void open.push({ close, force }),
      draining: draining.signal,
      keepOpen: (ms) => void (delay = Math.max(delay, ms)),
    };
    const started = await start(closing, fail);
    if (started && isSupervised()) {
      const { serving, ...ready } = started;
      notify({ ready });
      // It rejects only if the process is closed before it can work.
      Promise.resolve(serving).then(
        () => notify({ serving: true }),
        () => undefined,
      );
    }
  } catch (error) {
    // Closing makes a start fail: not reported.
    if (ending) return;
    process.stderr.write('\n');
    fail(error);
  }
}

function notify(message: Message): void {
  if (process.connected) process.send?.(message);
}
