import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProductOrder, ProductSelection } from '../domain/products.ts';
import { type CatalogStores, openCatalogStores } from '../testing.ts';
import { pageSql } from './list.ts';

/** How PostgreSQL reads a catalog of 100,000 products. */

const zero = '018f3e2a-7b1c-7def-8a12-000000000000';

let catalog: CatalogStores;
beforeAll(async () => {
  catalog = await openCatalogStores();
  await catalog.pool.query(`
    INSERT INTO catalog.products (id, sku, name, category, currency, price, stock, active, search, sort_name)
    SELECT ('018f3e2a-7b1c-7def-8a12-' || lpad(to_hex(n), 12, '0'))::uuid, 'SKU-' || n, 'Thing ' || n, 'category-' || n % 50,
      CASE WHEN n % 10 = 0 THEN 'USD' ELSE 'EUR' END, 1 + n % 5000 / 100.0, 10, n % 100 <> 0,
      format('''thing'':1A ''w%s'':2A ''v%s'':3D', n % 1000, n % 20)::tsvector, 'thing ' || lpad(n::text, 6, '0')
    FROM generate_series(1, 100000) n`);
  await catalog.pool.query(`
    INSERT INTO catalog.reservations (order_id, state, expires_at)
    SELECT ('018f3e2a-7b1c-7def-8a13-' || lpad(to_hex(n), 12, '0'))::uuid,
      CASE WHEN n % 1000 = 0 THEN 'reserved' ELSE 'committed' END, now() + interval '1 minute' * (n % 20 - 1)
    FROM generate_series(1, 100000) n`);
  await catalog.pool.query(`
    INSERT INTO catalog.reservation_lines (order_id, product_id, quantity)
    SELECT ('018f3e2a-7b1c-7def-8a13-' || lpad(to_hex(n), 12, '0'))::uuid,
      ('018f3e2a-7b1c-7def-8a12-' || lpad(to_hex(n), 12, '0'))::uuid, 1
    FROM generate_series(1, 100000) n`);
  await catalog.pool.query('VACUUM ANALYZE');
});
afterAll(() => catalog.close());

/** The plan of a statement for its values, and that for any values, which a prepared statement may use. */
async function plansOf({ text, values }: { readonly text: string; readonly values: unknown[] }): Promise<string[]> {
  const plans = [
    await catalog.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values),
    await catalog.pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`),
  ];
  return plans.map(({ rows }) => rows.map((row) => row['QUERY PLAN']).join('\n'));
}

const euros = { currencyCode: 'EUR', active: true };
const lists: readonly [ProductSelection, ProductOrder, string[]][] = [
  [{ active: true }, 'newest', [zero]],
  [{}, 'newest', [zero]],
  [{ category: 'category-7', active: true }, 'newest', [zero]],
  [{ active: true }, 'name', ['thing 050000', zero]],
  [euros, 'price', ['20.00', zero]],
  [euros, '-price', ['20.00', zero]],
  [{ ...euros, minPrice: '10', maxPrice: '11' }, 'price', ['10.50', zero]],
  [{ ...euros, minPrice: '10', maxPrice: '11' }, 'newest', [zero]],
  [{ ...euros, category: 'category-7' }, 'price', ['20.00', zero]],
  [{ query: "'thing' & 'w7':*", active: true }, 'relevance', ['0.5', zero]],
  [{ query: "'w77'", active: true }, 'newest', [zero]],
  [{ query: "'w77':*", ...euros, category: 'category-7' }, 'price', ['20.00', zero]],
];

test.each(
  lists.flatMap(([selection, order, after]) => [
    [selection, order, undefined] as const,
    [selection, order, after] as const,
  ]),
)('reads %j by %s after %j without a sequential scan', async (selection, order, after) => {
  const plan = (await plansOf(pageSql(selection, order, { take: 21, after }))).join('\n');
  expect(plan).not.toContain('Seq Scan');
});
