import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '#kit/log/log.ts';
import type { Closing, Fail } from '#kit/process/run.ts';
import type { Ready } from '#kit/process/supervisor.ts';
import type { Child } from './child.ts';

/** How a service's process is kept running. */
export interface SuperviseOptions {
  readonly start: () => Promise<Child>;
  /** Hears of every start that came to its end. */
  readonly onReady: (ready: Ready, child: Child) => void;
  readonly log: Log;
  readonly closing: Closing;
  readonly fail: Fail;
  /** Waits before the next start, ms: the next one where a start failed, or did not last. As many starts as there are waits may not fail in a row. */
  readonly waits?: readonly number[];
}

/** A process that ran for so long was well, ms: the waits begin anew. */
const lasting = 60_000;

/**
 * Starts a service's process, and starts it again whenever it ends by itself,
 * until it is closed. Resolves when it is ready for the first time.
 * @throws StartError with the process's words where the first start fails. `fail` gets it where later ones do, one after the other
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { start, onReady, log, closing, fail, waits = [100, 500, 1_000, 2_000, 4_000, 8_000] } = options;
  const over = new AbortController();
  let child: Child | undefined;
  closing.add(
    async () => {
      over.abort();
      child?.kill('SIGTERM');
      await child?.ended;
    },
    () => child?.kill('SIGKILL'),
  );

  async function begin(): Promise<void> {
    const made = await start();
    // The end may have been asked for while it was about to start.
    if (over.signal.aborted) return made.kill('SIGTERM');
    child = made;
    onReady(await made.ready, made);
  }

  async function keep(): Promise<void> {
    let waited = 0;
    let failures = 0;
    let since = performance.now();
    for (;;) {
      const how = await child?.ended;
      if (over.signal.aborted) return;
      if (performance.now() - since > lasting) waited = 0;
      const wait = waits[Math.min(waited++, waits.length - 1)] ?? 0;
      log.error({ ended: how, wait_ms: wait }, 'the process ended; it is started again');
      await delay(wait, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) return;
      since = performance.now();
      try {
        await begin();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures >= waits.length && !over.signal.aborted) return fail(error);
      }
    }
  }

  await begin();
  keep().catch(fail);
}
