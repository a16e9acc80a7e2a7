import { formatMoney, amountOf } from '#kit/money/money.ts';
import { columns, present } from '#kit/store/columns.ts';
import { sql } from '#kit/store/sql.ts';
import type { Address, HistoryEntry, Order, OrderLine, State } from '../domain/order.ts';
import type { OrderProgress } from '../domain/orders.ts';
import type { SagaOrder } from '../domain/saga.ts';
import type { Failure, Step } from '../domain/steps.ts';

/** A line in the column `lines`. Prices are decimal numbers as text. */
interface StoredLine {
  readonly product_id: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unit_price: string;
  readonly line_total: string;
}

/** What users see of an order, as the database has it. */
export interface OrderRow {
  readonly id: string;
  readonly userId: string | null;
  readonly state: State;
  readonly lines: readonly StoredLine[];
  readonly currencyCode: string;
  readonly total: string;
  readonly address: Partial<Address>;
  readonly paymentId: string | null;
  readonly trackingCode: string;
  readonly cancelRequestedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An order with its history and what its saga has come to. */
interface ProgressRow extends OrderRow {
  readonly history: readonly { state: State; at: string; reason: string; actor: HistoryEntry['actor'] }[];
  readonly step: Step | null;
  readonly failure: Failure | null;
  readonly missing: string;
}

/** What the saga knows of an order, as the database has it. */
interface SagaRow {
  readonly id: string;
  readonly version: number;
  readonly userId: string | null;
  readonly state: State;
  readonly lines: readonly StoredLine[];
  readonly currencyCode: string;
  readonly total: string;
  readonly paymentMethod: string;
  readonly paymentId: string | null;
  readonly step: Step | null;
  readonly failure: Failure | null;
  readonly captured: boolean;
  readonly paymentRefunded: boolean;
  readonly cancelRequested: boolean;
  readonly deadline: Date;
}

const shared = {
  id: true,
  userId: true,
  state: true,
  lines: true,
  currencyCode: true,
  total: sql`o.total::text`,
} as const;

const shown = {
  ...shared,
  address: true,
  paymentId: true,
  trackingCode: true,
  cancelRequestedAt: true,
  createdAt: true,
  updatedAt: true,
} as const;

/** The columns of an OrderRow of `orders AS o`. */
export const orderColumns = columns<OrderRow>('o', shown);

/** The columns of a ProgressRow of `orders AS o`. */
export const progressColumns = columns<ProgressRow>('o', {
  ...shown,
  step: true,
  failure: true,
  missing: true,
  history: sql`(
    SELECT coalesce(json_agg(json_build_object('state', h.state, 'at', h.at, 'reason', h.reason, 'actor', h.actor)
                             ORDER BY h.version), '[]')
    FROM "order".history AS h WHERE h.order_id = o.id)`,
});

/** The columns of a SagaRow of `orders AS o`. */
export const sagaColumns = columns<SagaRow>('o', {
  ...shared,
  version: true,
  paymentMethod: true,
  paymentId: true,
  step: true,
  failure: true,
  captured: true,
  paymentRefunded: true,
  cancelRequested: sql`o.cancel_requested_at IS NOT NULL`,
  deadline: true,
});

/** Converts a row of `orderColumns`. */
export function toOrder({ lines, currencyCode, total, address, ...row }: OrderRow): Order {
  return {
    ...present(row),
    lines: lines.map((line) => toLine(line, currencyCode)),
    total: amountOf(total, currencyCode),
    address: { ...noAddress, ...address },
  };
}

/** Converts a row of `progressColumns`. */
export function toProgress({ history, step, failure, missing, ...row }: ProgressRow): OrderProgress {
  return {
    ...toOrder(row),
    history: history.map(({ at, ...entry }) => ({ ...entry, at: new Date(at) })),
    rests: step === null,
    failure: failure ?? undefined,
    productIds: missing,
  };
}

/** Converts a row of `sagaColumns`. */
export function toSagaOrder({ lines, currencyCode, total, ...row }: SagaRow): SagaOrder {
  return {
    ...present(row),
    lines: lines.map((line) => toLine(line, currencyCode)),
    total: amountOf(total, currencyCode),
    erased: row.userId === null,
  };
}

/** The JSON of lines for the column `lines`. */
export function linesJson(lines: readonly OrderLine[]): string {
  return JSON.stringify(
    lines.map(({ productId, sku, name, quantity, unitPrice, lineTotal }): StoredLine => ({
      product_id: productId,
      sku,
      name,
      quantity,
      unit_price: formatMoney(unitPrice),
      line_total: formatMoney(lineTotal),
    })),
  );
}

const noAddress: Address = { name: '', line1: '', line2: '', city: '', region: '', postalCode: '', countryCode: '' };

function toLine(line: StoredLine, currency: string): OrderLine {
  const { product_id: productId, sku, name, quantity } = line;
  const [unitPrice, lineTotal] = [amountOf(line.unit_price, currency), amountOf(line.line_total, currency)];
  return { productId, sku, name, quantity, unitPrice, lineTotal };
}
