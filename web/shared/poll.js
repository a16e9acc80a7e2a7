// @ts-check
import { Problem } from '../account/session.js';

/**
 * Runs something at once and then again and again, until the signal aborts. A hidden tab pauses. One run starts after
 * the one before has ended.
 * @param {() => Promise<unknown>} run
 * @param {{ every: number, signal: AbortSignal, onError: (error: unknown) => void }} options `every`: time between two
 *   runs, ms; after RATE_LIMITED, the time that the response names
 * @returns {() => void} runs it now, or right after the run that is going on
 */
export function poll(run, { every, signal, onError }) {
  /** @type {number | undefined} */
  let timer;
  let isRunning = false;
  let isWanted = false;

  async function tick() {
    isWanted = isRunning;
    if (signal.aborted || document.hidden || isRunning) return;
    clearTimeout(timer);
    isRunning = true;
    let pause = every;
    try {
      await run();
    } catch (error) {
      if (error instanceof Problem) pause = Math.max(every, error.retryAfter * 1000);
      if (!signal.aborted) onError(error);
    }
    isRunning = false;
    if (!signal.aborted) timer = window.setTimeout(start, isWanted ? 0 : pause);
  }
  function start() {
    tick().catch(onError);
  }

  document.addEventListener('visibilitychange', start, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  start();
  return start;
}
