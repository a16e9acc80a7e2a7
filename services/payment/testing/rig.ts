import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { Amount } from '#kit/money/money.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type RunningWork, startWork } from '#kit/work/work.ts';
import { openLedger } from '../clients/sandbox/ledger.ts';
import { createSandbox } from '../clients/sandbox/sandbox.ts';
import { createWebhooks } from '../clients/sandbox/webhooks.ts';
import type { NewPayment } from '../domain/payment.ts';
import type { OrderCharge } from '../domain/charges.ts';
import type { Provider } from '../domain/provider.ts';
import { createPayments, type Payments } from '../payments.ts';

/** The payment service's rules over the sandbox, in a database of the test. */
export interface PaymentRig extends Payments {
  readonly db: Transactional;
  readonly sandbox: Provider;
  readonly url: Secret;
  readonly ledger: LedgerView;
  readonly rows: Rows;
  /** Starts the background work, and the webhooks unless `webhooks` is false. It ends at `close`. */
  start(): void;
  close(): Promise<void>;
}

/** Reads rows. */
type Rows = <Row extends object>(text: string, ...values: readonly unknown[]) => Promise<Row[]>;

/** What the sandbox's ledger says. */
export interface LedgerView {
  /** Number of captured charges, and how often each key was charged for. */
  captures(order: string): Promise<{ key: string; calls: number }[]>;
  /** What was captured less what was given back, for an order or a payment, in the currency's decimal notation. */
  balance(order: string): Promise<string>;
}

/**
 * Opens one.
 * @param options.timeout timeout of a call to the provider, ms; long by default, for slow machines
 * @param options.wrap changes the provider
 */
export async function openPaymentRig(
  options: { timeout?: number; webhooks?: boolean; wrap?: (sandbox: Provider) => Provider } = {},
): Promise<PaymentRig> {
  const { timeout = 10_000, webhooks: hasWebhooks = false, wrap = (one) => one } = options;
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, max: 20, applicationName: 'payment-test', log: silentLog });
  const db = database.statements;
  const webhooks = createWebhooks(async (body, signature) => payments.due.wake(webhooks.receive(body, signature).key));
  const sandbox = createSandbox({ ledger: await openLedger(db), webhooks, timeout });
  const payments = createPayments({ db, provider: wrap(sandbox), timeout, now: database.clock.now, log: silentLog });
  let running: RunningWork | undefined;
  const rows: Rows = async (text, ...values) => (await database.pool.query(text, [...values])).rows;
  return {
    ...payments,
    db,
    sandbox,
    url: fresh.url,
    rows,
    ledger: ledgerView(rows),
    start() {
      running = startWork([payments.work, ...(hasWebhooks ? [webhooks.work] : [])], {
        log: silentLog,
        metrics: noMetrics,
      });
    },
    close: () => closeRig(running, database, fresh),
  };
}

async function closeRig(running: RunningWork | undefined, database: Database, fresh: FreshDatabase): Promise<void> {
  await running?.close();
  await database.close();
  await fresh.drop();
}

function ledgerView(rows: Rows): LedgerView {
  return {
    captures: (order) =>
      rows(
        `SELECT key, calls FROM payment_sandbox.charges
         WHERE state = 'captured' AND (key = $1 OR key LIKE $1 || ':%') ORDER BY key`,
        order,
      ),
    async balance(order) {
      const [row] = await rows<{ balance: string }>(
        `SELECT (coalesce(sum(c.amount), 0) - coalesce(sum((
           SELECT sum(r.amount) FROM payment_sandbox.refunds r WHERE r.charge_key = c.key)), 0))::numeric(28, 2)::text AS balance
         FROM payment_sandbox.charges c WHERE state = 'captured' AND (key = $1 OR key LIKE $1 || ':%')`,
        order,
      );
      return row?.balance ?? '0.00';
    },
  };
}

/** An amount in euros. */
export function euro(units: number, cents = 0): Amount {
  return { currencyCode: 'EUR', units: BigInt(units), nanos: cents * 10_000_000 };
}

/** A payment to make. */
export function newPayment(paymentMethod = 'pm_card_ok', amount = euro(12, 34)): NewPayment {
  return { id: uuidv7(), userId: randomUUID(), amount, paymentMethod, description: 'a test' };
}

/** The charge of an order. */
export function orderCharge(paymentMethod = 'pm_card_ok', more: Partial<OrderCharge> = {}): OrderCharge {
  const { id: _, ...payment } = newPayment(paymentMethod);
  return { ...payment, orderId: randomUUID(), attempt: 1, ...more };
}
