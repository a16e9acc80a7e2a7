import type { Actor, State } from './order.ts';

/** A call of the saga. `refund` undoes `charge`; `release` undoes `reserve`, and puts committed stock back. */
export type Step = 'reserve' | 'charge' | 'confirm' | 'clear' | 'refund' | 'release';

/** Why the saga turned an order back; the reason of its last state. */
export type Failure =
  | 'OUT_OF_STOCK'
  | 'PAYMENT_DECLINED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE'
  | 'ACCOUNT_DELETED'
  | 'PAYMENT_REFUNDED'
  | 'CANCELLED_BY_CUSTOMER';

/** What the saga knows of an order. It is in the order's row before each call. */
export interface SagaState {
  readonly state: State;
  /** The step under way. undefined: the saga is at rest. */
  readonly step: Step | undefined;
  /** Why the saga turns back; undefined while it goes forward. */
  readonly failure: Failure | undefined;
  /** Whether the payment was captured and given back, as far as the refund has found. */
  readonly captured: boolean;
  /** Whether support gave the whole payment back. */
  readonly paymentRefunded: boolean;
  readonly cancelRequested: boolean;
  /** Whether the account was erased: the order has no user and no payment method any more. */
  readonly erased: boolean;
  readonly deadline: Date;
}

/** What a call of the saga found. Anything else that happens to a call leaves its outcome unknown. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The charge was captured. */
  | { readonly kind: 'captured'; readonly paymentId: string }
  /** Nothing is left to give back. `captured`: money was captured and given back. */
  | { readonly kind: 'returned'; readonly captured: boolean }
  /** The callee will never do it. */
  | { readonly kind: 'refused'; readonly failure: Failure; readonly productIds?: string };

/** The change of an order by its saga, which a store writes by compare-and-set. */
export interface Move {
  /** The next step. undefined: the saga is at rest. */
  readonly step: Step | undefined;
  /** The state that the order reaches, if another one, and its entry in the history. */
  readonly reaches?: { readonly state: State; readonly actor: Actor; readonly reason?: Failure };
  readonly failure?: Failure;
  /** The products that are missing, comma-separated. */
  readonly productIds?: string;
  readonly paymentId?: string;
  readonly captured?: boolean;
}

/** A step of the saga. */
interface StepRule {
  /** The state that the order reaches with it. */
  readonly reached?: State;
  /** The step after it; undefined: the saga rests. */
  readonly next: Step | undefined;
  /** Where undoing begins if the order turns back at this step: with the step itself, whose outcome may be unknown. */
  readonly back?: Step;
  /**
   * The saga cannot tell whether the call took effect, and what it does is final. Only its own refusal turns the order
   * back: neither the clock nor the customer.
   */
  readonly pivot?: boolean;
  /** With it, an order that was turned back reaches its last state. */
  readonly ends?: true;
}

/** The saga. */
export const steps: Readonly<Record<Step, StepRule>> = {
  reserve: { reached: 'reserved', next: 'charge', back: 'release' },
  charge: { reached: 'paid', next: 'confirm', back: 'refund' },
  confirm: { reached: 'confirmed', next: 'clear', back: 'refund', pivot: true },
  clear: { next: undefined },
  refund: { next: 'release' },
  release: { next: undefined, ends: true },
};

/** The first step of a new order. */
export const firstStep: Step = 'reserve';

/** The steps that undo. */
export const undoing: readonly Step[] = ['refund', 'release'];

/**
 * Decides, before a step is called, whether the order turns back instead. Only steps before the pivot do.
 * @param rules other steps, for tests
 */
export function turnBefore(order: SagaState, now: Date, rules = steps): Move | undefined {
  if (order.step === undefined) return undefined;
  const { back, pivot } = rules[order.step];
  if (back === undefined || pivot) return undefined;
  const failure = reasonToTurn(order, now);
  return failure && { step: back, failure };
}

function reasonToTurn({ erased, cancelRequested, deadline }: SagaState, now: Date): Failure | undefined {
  if (erased) return 'ACCOUNT_DELETED';
  if (cancelRequested) return 'CANCELLED_BY_CUSTOMER';
  return deadline <= now ? 'DEADLINE' : undefined;
}

/**
 * Decides what follows a call whose outcome is known.
 * @throws Error if the step has no such outcome
 */
export function moveAfter(order: SagaState, outcome: Outcome): Move {
  const { step } = order;
  if (step === undefined) throw new Error('the saga is at rest');
  const { reached, next, back, ends } = steps[step];
  if (outcome.kind === 'refused') {
    if (back === undefined) throw new Error(`${step} cannot be refused`);
    const { failure, productIds } = outcome;
    return { step: back, failure, ...(productIds === undefined ? {} : { productIds }) };
  }
  const found = {
    ...(outcome.kind === 'captured' ? { paymentId: outcome.paymentId } : {}),
    ...(outcome.kind === 'returned' ? { captured: outcome.captured } : {}),
  };
  if (reached === 'confirmed' && order.cancelRequested) return { ...cancelConfirmed, ...reaching(reached), ...found };
  if (reached !== undefined) return { step: next, ...reaching(reached), ...found };
  return { step: next, ...found, ...(ends ? ending(order) : {}), ...(step === 'clear' ? settling(order) : {}) };
}

/** The flow that cancels a confirmed order: the money goes back, then the stock. */
export const cancelConfirmed = { step: 'refund', failure: 'CANCELLED_BY_CUSTOMER' } as const satisfies Move;

function reaching(state: State): Pick<Move, 'reaches'> {
  return { reaches: { state, actor: 'system' } };
}

/** The last state of an order that was turned back or cancelled. */
function ending({ captured, failure }: SagaState): Pick<Move, 'reaches'> {
  const actor = failure === 'CANCELLED_BY_CUSTOMER' ? 'customer' : 'system';
  return { reaches: { state: captured ? 'refunded' : 'cancelled', actor, ...(failure ? { reason: failure } : {}) } };
}

/** The states after the pivot. Support may have shipped an order before its saga came to rest. */
const sold: ReadonlySet<State> = new Set(['confirmed', 'shipped', 'delivered']);

/** The state of an order whose payment support gave back before it was confirmed. */
function settling({ state, paymentRefunded, cancelRequested }: SagaState): Pick<Move, 'reaches'> {
  if (!sold.has(state) || !paymentRefunded || cancelRequested) return {};
  return { reaches: { state: 'refunded', actor: 'support', reason: 'PAYMENT_REFUNDED' } };
}
