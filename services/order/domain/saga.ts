import type { Amount, OrderLine } from './order.ts';
import { type Move, moveAfter, type Outcome, type SagaState, type Step, turnBefore } from './steps.ts';

/** An order, as its saga sees it. */
export interface SagaOrder extends SagaState {
  readonly id: string;
  /** Rises with each change of the row. */
  readonly version: number;
  /** undefined after the account's erasure. */
  readonly userId: string | undefined;
  readonly lines: readonly OrderLine[];
  readonly total: Amount;
  readonly paymentMethod: string;
}

/** Persistence port of the saga. Each verb is one statement, or one transaction with the history and the event. */
export interface SagaStore {
  /**
   * Takes an order for a driver, or extends the driver's hold. `busy`: another driver holds it. undefined: unknown.
   */
  take(id: string, driver: string): Promise<SagaOrder | 'busy' | undefined>;
  /** Writes a move if the order has not changed since it was read, and extends the hold. undefined: it has changed. */
  save(order: SagaOrder, move: Move): Promise<SagaOrder | undefined>;
  /** Ends the driver's hold. */
  release(id: string, driver: string): Promise<void>;
}

/**
 * The calls of the saga, all idempotent by the order's id. A call resolves with `pending` if the callee does not know the
 * outcome yet, and rejects if the outcome is unknown; it is then repeated.
 */
export type SagaCalls = Readonly<Record<Step, (order: SagaOrder) => Promise<Outcome | 'pending'>>>;

/** Points between the persisted states and the calls, for tests that kill the process there. */
export type Point = `${Step}:${'before' | 'called' | 'saved'}`;

/** Dependencies and times of the saga. */
export interface SagaDeps {
  readonly store: SagaStore;
  readonly calls: SagaCalls;
  /** Waits until the order changes, `ms` have passed, or the signal aborts. */
  readonly changed: (id: string, ms: number, signal: AbortSignal) => Promise<void>;
  /** Reports a call whose outcome is unknown; not its repetitions. */
  readonly onUnknown: (error: unknown, step: Step, orderId: string) => void;
  readonly clock: () => Date;
  /** Called at each point; for tests. */
  readonly reached?: (point: Point, orderId: string) => Promise<void>;
  /** Decides as `turnBefore` does; for tests that break the rule. */
  readonly turn?: typeof turnBefore;
}

/** What driving an order came to. `later`: a call's outcome was still unknown when the patience ended. */
export type Driven = 'rests' | 'busy' | 'later';

/** First and longest pause before a call is repeated, ms. */
const [firstPause, longestPause] = [100, 2_000];

/**
 * Creates the function that drives an order's saga: it calls the step of the order's row, and writes what follows, until
 * the saga rests. Several drivers may work on one order: a hold keeps them apart, and where it fails (a driver that was
 * suspended), the calls are idempotent and each move is written once.
 * @returns drives one order; `patience` is the time after which it gives up on unknown outcomes, ms
 */
export function createSaga(deps: SagaDeps) {
  const { store, calls, changed, onUnknown, clock, turn = turnBefore } = deps;
  const reached = deps.reached ?? (async () => undefined);

  /** Takes the step of an order. undefined: the row has changed meanwhile. @throws if the outcome is unknown */
  async function advance(order: SagaOrder, step: Step): Promise<SagaOrder | 'pending' | undefined> {
    const back = turn(order, clock());
    if (back) return store.save(order, back);
    await reached(`${step}:before`, order.id);
    const outcome = await calls[step](order);
    if (outcome === 'pending') return outcome;
    await reached(`${step}:called`, order.id);
    const saved = await store.save(order, moveAfter(order, outcome));
    if (saved) await reached(`${step}:saved`, order.id);
    return saved;
  }

  /** As `advance`, but reports that an outcome is unknown instead of throwing. */
  async function attempt(order: SagaOrder, step: Step, isFirst: boolean): Promise<SagaOrder | 'pending' | undefined> {
    try {
      return await advance(order, step);
    } catch (error) {
      // The repetitions of an absent service would fill the log.
      if (isFirst) onUnknown(error, step, order.id);
      return 'pending';
    }
  }

  async function drive(id: string, driver: string, until: number, signal: AbortSignal): Promise<Driven> {
    let order = await store.take(id, driver);
    let pauses = 0;
    while (order !== undefined && order !== 'busy') {
      const { step } = order;
      if (step === undefined) return 'rests';
      if (signal.aborted) return 'later';
      const next = await attempt(order, step, pauses === 0);
      if (next === 'pending') {
        const pause = Math.min(longestPause, firstPause * 2 ** pauses++);
        if (performance.now() + pause > until) return 'later';
        await changed(id, pause, signal);
        order = await store.take(id, driver);
      } else {
        pauses = 0;
        order = next ?? (await store.take(id, driver));
      }
    }
    return order ?? 'rests';
  }

  return async (id: string, patience: number, signal: AbortSignal): Promise<Driven> => {
    const driver = crypto.randomUUID();
    try {
      return await drive(id, driver, performance.now() + patience, signal);
    } finally {
      // If this fails, the hold ends by itself.
      await store.release(id, driver).catch(() => undefined);
    }
  };
}
