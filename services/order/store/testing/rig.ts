import { v7 as uuidv7 } from 'uuid';
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import type { Address, Amount, OrderLine } from '../../domain/order.ts';
import type { NewOrder } from '../../domain/orders.ts';
import { createEffects } from '../effects.ts';
import { createStateEvents } from '../events.ts';
import { createOrderStore } from '../orders.ts';
import { createSagaStore } from '../saga.ts';

export const euro = (units: bigint, nanos = 0): Amount => ({ currencyCode: 'EUR', units, nanos });

export const address: Address = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  line2: '',
  city: 'London',
  region: '',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

function line(productId: string, quantity: number, unitPrice: Amount, lineTotal: Amount): OrderLine {
  return { productId, sku: `sku-${quantity}`, name: 'A "chain"', quantity, unitPrice, lineTotal };
}

/** A new order of two lines. */
export function newOrder(userId: string, id = uuidv7()): NewOrder {
  return {
    id,
    userId,
    paymentMethod: 'pm_card_ok',
    address,
    lines: [
      line(uuidv7(), 2, euro(12n, 340_000_000), euro(24n, 680_000_000)),
      line(uuidv7(), 1, euro(0n, 10_000_000), euro(0n, 10_000_000)),
    ],
    total: euro(24n, 690_000_000),
  };
}

/** The stores of the order service on their own database. */
export async function openStores(options: { readonly hold?: number } = {}) {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, max: 20, applicationName: 'test', log: silentLog });
  const db = database.statements;
  const events = createStateEvents();
  const scheduled: string[] = [];
  const orders = createOrderStore({
    db,
    events,
    schedule: async (_, id) => void scheduled.push(id),
    deadline: 60_000,
  });
  return {
    db,
    pool: database.pool,
    orders,
    saga: createSagaStore({ db, events, hold: options.hold ?? 60_000 }),
    effects: createEffects(events),
    /** Ids of orders whose job was added. */
    scheduled,
    /** The types of the events about an order, in order. */
    async eventsOf(id: string): Promise<string[]> {
      const { rows } = await database.pool.query<{ type: string }>(
        'SELECT type FROM "order".events WHERE subject = $1 ORDER BY n',
        [id],
      );
      return rows.map(({ type }) => type);
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}
