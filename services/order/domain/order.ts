import type { Amount } from '#kit/money/money.ts';
import { defineStates, type StateOf } from '#kit/states/states.ts';

/**
 * The states of an order. `cancelled`: nothing was captured. `refunded`: the money was captured and given back. An order
 * whose charge is undone goes from `reserved` to `refunded` without ever being `paid`, because the capture may become known
 * only when it is given back.
 */
export const states = defineStates(
  {
    pending: ['reserved', 'cancelled'],
    reserved: ['paid', 'cancelled', 'refunded'],
    paid: ['confirmed', 'refunded'],
    confirmed: ['shipped', 'refunded'],
    shipped: ['delivered', 'refunded'],
    delivered: ['refunded'],
    cancelled: [],
    refunded: [],
  },
  ['pending'],
);

/** A state of an order. */
export type State = StateOf<typeof states>;

/** The states of an order whose goods are sold, and which a refund by support moves to `refunded`. */
export const soldStates: readonly State[] = ['confirmed', 'shipped', 'delivered'];

/** The states of an order that its customer may cancel. */
export const cancellableStates: readonly State[] = ['pending', 'reserved', 'paid', 'confirmed'];

/** Returns whether a state is the last one that a customer watches. Support may still refund a delivered order. */
export function isFinal(state: State): boolean {
  return state === 'delivered' || state === 'cancelled' || state === 'refunded';
}

export type { Amount };

/** A line, as it was bought. */
export interface OrderLine {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Amount;
  readonly lineTotal: Amount;
}

/** A postal address. Empty but for the country after the account's erasure. */
export interface Address {
  readonly name: string;
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly region: string;
  readonly postalCode: string;
  readonly countryCode: string;
}

/** Who moves an order to a state. `support` stands for the roles support and admin. */
export type Actor = 'customer' | 'system' | 'support';

/** A state that an order reached. */
export interface HistoryEntry {
  readonly state: State;
  readonly at: Date;
  readonly reason: string;
  readonly actor: Actor;
}

/** An order, as users see it. */
export interface Order {
  readonly id: string;
  /** undefined after the account's erasure. */
  readonly userId: string | undefined;
  readonly state: State;
  readonly lines: readonly OrderLine[];
  readonly total: Amount;
  readonly address: Address;
  readonly paymentId: string | undefined;
  readonly trackingCode: string;
  readonly cancelRequestedAt: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An order with its history, oldest first. */
export interface OrderWithHistory extends Order {
  readonly history: readonly HistoryEntry[];
}
