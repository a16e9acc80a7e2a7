import { states, type State } from '../order.ts';
import { createSaga, type Driven, type SagaDeps, type SagaOrder, type SagaStore } from '../saga.ts';
import { cancelConfirmed, type Outcome, type Step } from '../steps.ts';

/** What happens to a call: it may fail before or after it took effect, as far as the caller can tell. */
export type Fate = 'ok' | 'lost before' | 'lost after';

/** How the world treats an order. */
export interface Plan {
  /** Whether stock is short. */
  readonly short?: boolean;
  /** Whether the payment is declined. */
  readonly declined?: boolean;
  /** Whether the reservation runs out before it is committed. */
  readonly expires?: boolean;
  /** The fates of the calls, in their order; then all are ok. */
  readonly fates?: readonly Fate[];
  /** Called before each call, for what happens meanwhile. */
  readonly meanwhile?: (step: Step, world: World) => void;
}

/** One order, its store and the services that its saga calls, in memory. */
export interface World {
  readonly store: SagaStore;
  order(): SagaOrder;
  /** The states that the order reached. */
  readonly reached: readonly State[];
  /** What the callees did. */
  readonly ledger: {
    captures: number;
    refunds: number;
    stock: 'free' | 'held' | 'sold' | 'released';
    /** Whether the stock was ever sold. */
    wasSold: boolean;
    cleared: number;
  };
  readonly calls: readonly Step[];
  cancel(): void;
  erase(): void;
  refundBySupport(): void;
  setDeadline(deadline: Date): void;
  drive(options?: Partial<SagaDeps>): Promise<Driven>;
}

/** Opens a world with one placed order. */
export function openWorld(plan: Plan = {}): World {
  let row: SagaOrder = {
    id: 'o',
    version: 0,
    userId: 'u',
    lines: [],
    total: { currencyCode: 'EUR', units: 1n, nanos: 0 },
    paymentMethod: '',
    state: 'pending',
    step: 'reserve',
    failure: undefined,
    captured: false,
    paymentRefunded: false,
    cancelRequested: false,
    erased: false,
    deadline: new Date(Date.now() + 60_000),
  };
  const reached: State[] = ['pending'];
  const calls: Step[] = [];
  const ledger: World['ledger'] = { captures: 0, refunds: 0, stock: 'free', wasSold: false, cleared: 0 };
  const fates = [...(plan.fates ?? [])];
  let tombstone = false;

  function change(next: Partial<SagaOrder>): void {
    if (next.state !== undefined && next.state !== row.state) {
      if (!states.allows(row.state, next.state)) throw new Error(`${row.state} -> ${next.state}`);
      reached.push(next.state);
    }
    row = { ...row, ...next, version: row.version + 1 };
  }

  const store: SagaStore = {
    take: async () => row,
    async save(order, { step, reaches, failure, captured }) {
      if (order.version !== row.version) return undefined;
      change({
        step,
        state: reaches?.state ?? row.state,
        failure: failure ?? row.failure,
        captured: captured ?? row.captured,
      });
      return row;
    },
    release: async () => undefined,
  };

  const refusedStock: Outcome = { kind: 'refused', failure: 'OUT_OF_STOCK', productIds: 'p' };
  const effects: Record<Step, () => Outcome> = {
    reserve() {
      if (plan.short || ledger.stock === 'released') return refusedStock;
      if (ledger.stock === 'free') ledger.stock = 'held';
      return { kind: 'done' };
    },
    charge() {
      if (plan.declined) return { kind: 'refused', failure: 'PAYMENT_DECLINED' };
      if (tombstone) return { kind: 'refused', failure: ledger.refunds > 0 ? 'PAYMENT_REFUNDED' : 'PAYMENT_DECLINED' };
      if (ledger.captures === 0) ledger.captures += 1;
      return { kind: 'captured', paymentId: 'p' };
    },
    confirm() {
      if (ledger.stock === 'sold') return { kind: 'done' };
      if (plan.expires || ledger.stock !== 'held') {
        ledger.stock = 'released';
        return refusedStock;
      }
      ledger.stock = 'sold';
      ledger.wasSold = true;
      return { kind: 'done' };
    },
    clear() {
      ledger.cleared = 1;
      return { kind: 'done' };
    },
    refund() {
      tombstone = true;
      if (ledger.captures > ledger.refunds) ledger.refunds += 1;
      return { kind: 'returned', captured: ledger.captures > 0 };
    },
    release() {
      ledger.stock = 'released';
      return { kind: 'done' };
    },
  };

  async function call(step: Step): Promise<Outcome> {
    plan.meanwhile?.(step, world);
    calls.push(step);
    // A call takes time: another driver may come in between.
    await new Promise(setImmediate);
    const fate = fates.shift() ?? 'ok';
    if (fate === 'lost before') throw new Error('lost');
    const outcome = effects[step]();
    if (fate === 'lost after') throw new Error('lost');
    return outcome;
  }

  const world: World = {
    store,
    order: () => row,
    reached,
    ledger,
    calls,
    cancel() {
      if (row.cancelRequested || !['pending', 'reserved', 'paid', 'confirmed'].includes(row.state)) return;
      change({ cancelRequested: true, ...(row.state === 'confirmed' ? cancelConfirmed : {}) });
    },
    erase: () => change({ erased: true, userId: undefined }),
    refundBySupport() {
      if (ledger.captures === 0 || ledger.refunds > 0) return;
      ledger.refunds += 1;
      tombstone = true;
      if (['cancelled', 'refunded'].includes(row.state) || row.step === 'refund' || row.step === 'release') return;
      const isSold = ['confirmed', 'shipped', 'delivered'].includes(row.state);
      change({ paymentRefunded: true, ...(isSold ? { state: 'refunded' } : {}) });
    },
    setDeadline: (deadline) => change({ deadline }),
    drive(options = {}) {
      const drive = createSaga({
        store,
        calls: {
          reserve: () => call('reserve'),
          charge: () => call('charge'),
          confirm: () => call('confirm'),
          clear: () => call('clear'),
          refund: () => call('refund'),
          release: () => call('release'),
        },
        changed: async () => undefined,
        onUnknown: () => undefined,
        clock: () => new Date(),
        ...options,
      });
      return drive('o', 60_000, new AbortController().signal);
    },
  };
  return world;
}

/** What is wrong with an order whose saga rests; empty where nothing is. */
export function faultsOf(world: World): string[] {
  const { order, ledger, reached } = world;
  const { state, step, cancelRequested, paymentRefunded, failure } = order();
  const held = ledger.captures - ledger.refunds;
  const isSold = ['confirmed', 'shipped', 'delivered'].includes(state);
  const byHand = paymentRefunded && !cancelRequested && failure === undefined;
  const rules: readonly [boolean, string][] = [
    [step === undefined, `it stopped at ${step}`],
    [ledger.captures <= 1, `${ledger.captures} captures`],
    [['confirmed', 'cancelled', 'refunded'].includes(state), `it ended in ${state}`],
    [!isSold || (held === 1 && ledger.stock === 'sold'), `${state} with ${held} held and stock ${ledger.stock}`],
    [state !== 'cancelled' || ledger.captures === 0, 'cancelled after a capture'],
    [state !== 'refunded' || (ledger.captures === 1 && held === 0), `refunded with ${held} held`],
    [state !== 'refunded' || ledger.stock === (byHand ? 'sold' : 'released'), `refunded with stock ${ledger.stock}`],
    [state !== 'cancelled' || ledger.stock === 'released', `cancelled with stock ${ledger.stock}`],
    [new Set(reached).size === reached.length, `a state was reached twice: ${reached.join()}`],
    [!ledger.wasSold || reached.includes('confirmed'), 'sold and never confirmed'],
    [!isSold || !cancelRequested, 'a requested cancellation was forgotten'],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => fault);
}
