import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { type Database, openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import type { NewProduct } from './domain/products.ts';
import { createProductStore } from './store/products.ts';
import { createReservationStore } from './store/reservations.ts';

/** The stores of the catalog on a fresh database, for tests. */
export interface CatalogStores {
  readonly db: Transactional;
  readonly pool: Database['pool'];
  readonly products: ReturnType<typeof createProductStore>;
  readonly reservations: ReturnType<typeof createReservationStore>;
  /** Inserts a product. */
  product(fields?: Partial<NewProduct>): Promise<NewProduct>;
  /** Moves the expiry of a reservation into the past. */
  lapse(orderId: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens the stores of the catalog. */
export async function openCatalogStores(): Promise<CatalogStores> {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, max: 30, applicationName: 'test', log: silentLog });
  const db = database.statements;
  const products = createProductStore(db);
  return {
    db,
    pool: database.pool,
    products,
    reservations: createReservationStore(db),
    async product(fields = {}) {
      const product = productWith(fields);
      await products.insertOnce(product);
      return product;
    },
    async lapse(orderId) {
      await database.pool.query(
        `UPDATE catalog.reservations SET expires_at = now() - interval '1 ms' WHERE order_id = $1`,
        [orderId],
      );
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

/** Returns a valid product. */
export function productWith(fields: Partial<NewProduct> = {}): NewProduct {
  return {
    id: uuidv7(),
    sku: `SKU-${randomUUID()}`,
    name: 'A thing',
    description: '',
    category: '',
    price: { currencyCode: 'EUR', units: 10n, nanos: 0 },
    stock: 10,
    imageUrl: '',
    active: true,
    ...fields,
  };
}
