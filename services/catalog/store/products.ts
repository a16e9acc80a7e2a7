import { formatMoney } from '#kit/money/money.ts';
import { join, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import type { NewProduct, Product, ProductStore } from '../domain/products.ts';
import { nameKey, searchVector } from '../domain/search.ts';
import { expireLapsed } from './lapsed.ts';
import { pageOfProducts } from './list.ts';
import { lapsedStock, productColumns, type ProductRow, toProduct } from './rows.ts';

/** Creates the product store in PostgreSQL. */
export function createProductStore(db: Transactional): ProductStore {
  async function find(id: string): Promise<Product | undefined> {
    const [product] = await findMany(db, [id]);
    return product;
  }

  return {
    find,
    findMany: (ids) => findMany(db, ids),
    async insertOnce(product) {
      const [id] = await insertProducts(db, [product]);
      return id === undefined ? undefined : find(id);
    },
    page: (selection, order, query) => pageOfProducts(db, selection, order, query),
    update: (id, changes) =>
      // In a transaction, because the searched words come from several fields, which another update may change meanwhile.
      db.$transaction(async (tx) => {
        await tx.$queryRaw`SELECT id FROM catalog.products WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
        const [current] = await findMany(tx, [id]);
        if (!current || Object.keys(changes).length === 0) return current;
        const { name, description, category, price, imageUrl, active, sku } = { ...current, ...changes };
        await tx.$executeRaw`
          UPDATE catalog.products SET
            name = ${name}, description = ${description}, category = ${category}, currency = ${price.currencyCode},
            price = ${formatMoney(price)}::numeric, image_url = ${imageUrl}, active = ${active},
            search = ${searchVector({ name, description, category, sku })}::tsvector, sort_name = ${nameKey(name)},
            updated_at = now()
          WHERE id = ${id}::uuid`;
        const [changed] = await findMany(tx, [id]);
        return changed;
      }),
    async setStock(id, stock) {
      // Otherwise the sweep would add what they hold to what is set. One that lapses later does so after this.
      await expireLapsed(db, [id]);
      const rows = await db.$queryRaw<{ id: string }[]>`
        UPDATE catalog.products SET stock = ${stock}, updated_at = now() WHERE id = ${id}::uuid RETURNING id`;
      return rows.length === 0 ? undefined : find(id);
    },
  };
}

async function findMany(db: Statements, ids: readonly string[]): Promise<Product[]> {
  const rows = await db.$queryRaw<ProductRow[]>`
    SELECT ${productColumns} FROM catalog.products p ${lapsedStock} WHERE p.id = ANY (${[...ids]}::uuid[])`;
  return rows.map(toProduct);
}

/** Inserts products in one statement, except those whose SKU is taken. Returns the ids of the inserted ones. */
export async function insertProducts(db: Statements, products: readonly NewProduct[]): Promise<string[]> {
  const rows = products.map(
    ({ id, sku, name, description, category, price, stock, imageUrl, active }) => sql`(
      ${id}::uuid, ${sku}, ${name}, ${description}, ${category}, ${price.currencyCode}, ${formatMoney(price)}::numeric,
      ${stock}::int, ${imageUrl}, ${active}, ${searchVector({ name, description, category, sku })}::tsvector,
      ${nameKey(name)})`,
  );
  const inserted = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO catalog.products
      (id, sku, name, description, category, currency, price, stock, image_url, active, search, sort_name)
    VALUES ${join(rows)}
    ON CONFLICT (sku) DO NOTHING
    RETURNING id`;
  return inserted.map(({ id }) => id);
}
