import { setTimeout as sleep } from 'node:timers/promises';
import { outsideCalls } from '#kit/call/call.ts';
import type { Watched } from '#kit/db/changes.ts';
import type { Driven } from './domain/saga.ts';

/** The drivers of this process. */
export interface Drivers {
  /**
   * Drives an order and resolves when its saga rests, or after a few seconds. The drive goes on after that, and after the
   * caller has left. It carries no identity of a caller.
   */
  settle(id: string): Promise<void>;
  /** Begins no further call of a saga and waits for those under way. The orders' jobs continue them. */
  close(): Promise<void>;
}

/** Interval of looking at an order that another driver holds, ms. Its changes are also heard of. */
const lookEvery = 500;

/** Creates the drivers. */
export function createDrivers(deps: {
  /** Drives an order for at most `patience` ms (saga.ts). */
  readonly drive: (id: string, patience: number, signal: AbortSignal) => Promise<Driven>;
  readonly rests: (id: string) => Promise<boolean>;
  readonly watch: (id: string) => Watched;
  /** How long `settle` waits, ms. */
  readonly wait: number;
  /** How long an order is driven by the process that placed or cancelled it, ms. */
  readonly patience: number;
  readonly onError: (error: unknown, orderId: string) => void;
}): Drivers {
  const { drive, rests, watch, wait, patience, onError } = deps;
  const closing = new AbortController();
  const running = new Set<Promise<Driven>>();

  function begin(id: string): Promise<Driven> {
    const driven = outsideCalls(() => drive(id, patience, closing.signal)).catch((error: unknown): Driven => {
      onError(error, id);
      return 'later';
    });
    running.add(driven);
    return driven.finally(() => running.delete(driven));
  }

  return {
    async settle(id) {
      const end = performance.now() + wait;
      const done = new AbortController();
      const driven = begin(id);
      const first = await Promise.race([driven, sleep(wait, 'late' as const, { signal: done.signal })]).finally(() =>
        done.abort(),
      );
      if (first === 'rests' || first === 'late') return;
      // Another driver has it, or a call's outcome is unknown for long.
      const watched = watch(id);
      try {
        while (!(await rests(id)) && performance.now() < end && !closing.signal.aborted) {
          await watched.next(Math.min(lookEvery, Math.max(1, end - performance.now())), closing.signal);
        }
      } finally {
        watched.close();
      }
    },
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}
