import { v7 as uuidv7 } from 'uuid';
import type { Log } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { every, type Work } from '#kit/work/work.ts';
import { type Charges, createCharges } from './domain/charges.ts';
import { createDue, type Due } from './domain/due.ts';
import type { PaymentStore } from './domain/payment.ts';
import type { Provider } from './domain/provider.ts';
import { createRefunds, type Refunds } from './domain/refund.ts';
import { createPaymentEvents } from './store/events.ts';
import { createPaymentStore } from './store/payments.ts';
import { createRefundStore } from './store/refunds.ts';

/** Interval in which payments without an outcome are looked for, ms. */
const lookEvery = 1_000;

/** The rules of payments over their store and a provider. */
export interface Payments {
  readonly store: PaymentStore;
  readonly charges: Charges;
  readonly refunds: Refunds;
  readonly due: Due;
  /** Continues payments and refunds without an outcome. */
  readonly work: Work;
}

/** Wires the rules of payments. @param timeout timeout of a call to the provider, ms */
export function createPayments(deps: {
  readonly db: Transactional;
  readonly provider: Provider;
  readonly timeout: number;
  /** The database's time, ms since 1970. */
  readonly now: () => number;
  readonly log: Log;
}): Payments {
  const { db, provider, timeout, now, log } = deps;
  const events = createPaymentEvents();
  const store = createPaymentStore(db, events, uuidv7);
  const refundStore = createRefundStore(db, events);
  const charges = createCharges({ store, provider, timeout, now, log });
  const resolveCharge = charges.resolve;
  const refunds = createRefunds({ store: refundStore, provider, resolveCharge, timeout, log });
  const due = createDue({ payments: store, refundStore, charges, refunds });
  return { store, charges, refunds, due, work: every('continue payments', lookEvery, due.run) };
}
