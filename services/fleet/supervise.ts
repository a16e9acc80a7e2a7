import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '#kit/log/log.ts';
import type { Closing, Fail } from '#kit/process/run.ts';
import type { Ready } from '#kit/process/supervisor.ts';
import type { Child } from './child.ts';

/** How to supervise a service's process. */
export interface SuperviseOptions {
  readonly start: () => Promise<Child>;
  /** Called after every successful start. */
  readonly onReady: (ready: Ready, child: Child) => void;
  readonly log: Log;
  readonly closing: Pick<Closing, 'add'>;
  readonly fail: Fail;
  /** Delays before restarts, ms: each failed or short-lived start uses the next one. After as many consecutive failed starts, supervision fails. */
  readonly waits?: readonly number[];
}

/** After this run time, ms, the delays start over. */
const stableAfter = 60_000;

/**
 * Starts a service's process and restarts it whenever it exits, until closed.
 * Resolves after the first start. Calls `fail` after too many consecutive failed restarts.
 * @throws StartError with the process's error output if the first start fails
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { start, onReady, log, closing, fail, waits = [100, 500, 1_000, 2_000, 4_000, 8_000] } = options;
  const closed = new AbortController();
  let child: Child | undefined;
  closing.add(
    async () => {
      closed.abort();
      child?.kill('SIGTERM');
      await child?.ended;
    },
    () => child?.kill('SIGKILL'),
  );

  async function begin(): Promise<void> {
    const made = await start();
    // Supervision may have been closed while the process was starting.
    if (closed.signal.aborted) return made.kill('SIGTERM');
    child = made;
    onReady(await made.ready, made);
  }

  async function keep(): Promise<void> {
    let waited = 0;
    let failures = 0;
    let since = performance.now();
    for (;;) {
      const how = await child?.ended;
      if (closed.signal.aborted) return;
      if (performance.now() - since > stableAfter) waited = 0;
      const wait = waits[Math.min(waited++, waits.length - 1)] ?? 0;
      log.error({ ended: how, wait_ms: wait }, 'the process exited; restarting it');
      await delay(wait, undefined, { signal: closed.signal }).catch(() => undefined);
      if (closed.signal.aborted) return;
      since = performance.now();
      try {
        await begin();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures >= waits.length && !closed.signal.aborted) return fail(error);
      }
    }
  }

  await begin();
  keep().catch(fail);
}
