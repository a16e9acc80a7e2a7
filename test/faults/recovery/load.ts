import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { People } from './people.ts';

/** Users who read and refresh without a pause, and repeat what fails with 503. */
export interface Load {
  /** Resolves once that many more requests have succeeded. */
  answers(count: number): Promise<void>;
  /** Call it when the database accepts writes again. */
  isOver(): void;
  /**
   * Ends it. Prints what the outage cost: how long no refresh succeeded, and how many requests failed.
   * @throws AssertionError if a response was neither a success nor SERVICE_UNAVAILABLE
   */
  end(title: string): Promise<void>;
}

/** Signs users in and lets them send requests. */
export async function useUnderLoad(people: People, count: number): Promise<Load> {
  const counts = new Map<string, number>();
  let refreshedAt = performance.now();
  let [gap, failedAt, overAt] = [0, -Infinity, 0];
  const ending = new AbortController();

  async function use(access: string, refresh: string): Promise<void> {
    let [token, next] = [access, refresh];
    while (!ending.signal.aborted) {
      const read = await people.atEdge(token);
      const refreshed = await people.tryRefresh(next);
      for (const code of [read, refreshed.code]) {
        counts.set(code, (counts.get(code) ?? 0) + 1);
        if (code !== 'OK') failedAt = performance.now();
      }
      if (refreshed.code === 'OK') {
        [token, next] = [refreshed.access, refreshed.refresh];
        gap = Math.max(gap, performance.now() - refreshedAt);
        refreshedAt = performance.now();
      } else await delay(20);
    }
  }

  const users = await people.add(count);
  refreshedAt = performance.now();
  const all = Promise.all(users.map(({ access, refresh }) => use(access, refresh)));
  const succeeded = () => counts.get('OK') ?? 0;
  return {
    async answers(more) {
      const enough = succeeded() + more;
      await expect.poll(succeeded, { interval: 5 }).toBeGreaterThanOrEqual(enough);
    },
    isOver: () => void (overAt = performance.now()),
    async end(title) {
      ending.abort();
      await all;
      const { OK = 0, ...failures } = Object.fromEntries(counts);
      const after = Math.max(0, failedAt - overAt);
      console.log(
        `faults/failover: ${title}: no refresh for ${gap.toFixed(0)} ms, ${OK} requests succeeded, failed ` +
          `${JSON.stringify(failures)}, the last one ${after.toFixed(0)} ms after the end of the outage`,
      );
      expect(Object.keys(failures).filter((code) => code !== 'SERVICE_UNAVAILABLE')).toEqual([]);
    },
  };
}
