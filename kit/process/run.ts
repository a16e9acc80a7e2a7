import { createLog, type Log } from '#kit/log/log.ts';
import { explain } from './start-error.ts';

/** Things to close, last opened first. */
export interface Closing {
  /**
   * Adds something to close.
   * @param force what to do instead, at once, where there is no time to wait
   */
  add(close: () => unknown, force?: () => void): void;
}

/** Longest wait for calls under way when the process is asked to end, ms. */
const drainTime = 10_000;

/** The log that a configuration asks for. */
export function processLog(config: {
  readonly logLevel: string;
  readonly logFormat: 'pretty' | 'json' | undefined;
}): Log {
  return createLog({ level: config.logLevel, format: config.logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json') });
}

/**
 * Runs a process: starts it, drains it on SIGTERM, SIGINT and SIGHUP, closes what
 * it opened in reverse order, and exits. A second signal does not wait. What was
 * open when starting failed is closed too.
 */
export async function runProcess(start: (closing: Closing) => Promise<void>): Promise<void> {
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
    }, drainTime).unref();
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

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
  process.on('uncaughtException', (error) => {
    process.stderr.write(`signet: ${explain(error)}\n`);
    void end(1);
  });
  try {
    await start({ add: (close, force) => open.push({ close, force }) });
  } catch (error) {
    process.stderr.write(`\nsignet: ${explain(error)}\n`);
    await end(1);
  }
}
