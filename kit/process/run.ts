import { explain } from './start-error.ts';
import { isSupervised, type Message, type Started } from './supervisor.ts';

/** Things to close, last opened first. */
export interface Closing {
  /**
   * Adds something to close.
   * @param force what to do instead, at once, where there is no time to wait
   */
  add(close: () => unknown, force?: () => void): void;
}

/** Ends the process with an error that came up after its start. */
export type Fail = (error: unknown) => void;

/** Longest wait for calls under way when a process is asked to end, ms. */
export const drainTime = 10_000;

/**
 * Runs a process: starts it, drains it on SIGTERM, SIGINT and SIGHUP, closes what
 * it opened in reverse order, and exits. A second signal does not wait. What was
 * open when starting failed is closed too. A supervisor is told what `start`
 * answers; when it is gone, the process drains.
 * @param longest wait for all that is to be closed, ms
 */
export async function runProcess(
  start: (closing: Closing, fail: Fail) => Promise<Started | void>,
  longest = drainTime,
): Promise<void> {
  const open: { close: () => unknown; force: (() => void) | undefined }[] = [];
  let ending = false;

  function leave(): never {
    for (const { force } of open.toReversed()) force?.();
    process.exit(1);
  }

  async function end(code: number): Promise<void> {
    if (ending) return leave();
    ending = true;
    if (process.stderr.isTTY) process.stderr.write('\nsignet: stopping; calls under way may finish\n');
    setTimeout(() => {
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
  // A terminal that closes takes these away, and what is under way must end in order all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('uncaughtException', fail);
  if (isSupervised()) {
    if (!process.connected) process.exit(1);
    process.once('disconnect', drain);
  }
  try {
    const started = await start({ add: (close, force) => open.push({ close, force }) }, fail);
    if (started && isSupervised()) {
      const { serving, ...ready } = started;
      tell({ ready });
      // Where it is never able to, it is because it was closed.
      Promise.resolve(serving).then(
        () => tell({ serving: true }),
        () => undefined,
      );
    }
  } catch (error) {
    // What fails because it is being closed is no news.
    if (ending) return;
    process.stderr.write('\n');
    fail(error);
  }
}

function tell(message: Message): void {
  if (process.connected) process.send?.(message);
}
