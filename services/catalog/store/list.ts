import type { PageQuery } from '#kit/page/page.ts';
import { ascending, descending, keyset, type Order } from '#kit/store/keyset.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import type { Listed, ProductOrder, ProductSelection } from '../domain/products.ts';
import { lapsedStock, productColumns, type ProductRow, toProduct } from './rows.ts';

/** A product's row with the values of sort keys. */
interface ListedRow extends ProductRow {
  readonly sortName: string;
  readonly rank: string;
}

/** An order of the list: the SQL, and the sort key of a row. */
interface ListOrder {
  readonly order: Order;
  readonly keyOf: (row: ListedRow) => readonly string[];
}

/** The orders. Ids are UUIDv7, so newest first is by descending id. */
const orders: Readonly<Record<ProductOrder, ListOrder>> = {
  relevance: { order: descending(['p.rank', 'real'], ['p.id', 'uuid']), keyOf: ({ rank, id }) => [rank, id] },
  newest: { order: descending(['p.id', 'uuid']), keyOf: ({ id }) => [id] },
  price: { order: ascending(['p.price', 'numeric'], ['p.id', 'uuid']), keyOf: ({ price, id }) => [price, id] },
  '-price': { order: descending(['p.price', 'numeric'], ['p.id', 'uuid']), keyOf: ({ price, id }) => [price, id] },
  name: { order: ascending(['p.sort_name', 'text C'], ['p.id', 'uuid']), keyOf: ({ sortName, id }) => [sortName, id] },
};

/** Reads a page of products that match all filters. */
export async function pageOfProducts(
  db: Pick<Transactional, '$queryRaw'>,
  selection: ProductSelection,
  by: ProductOrder,
  query: PageQuery,
): Promise<Listed[]> {
  const rows = await db.$queryRaw<ListedRow[]>(pageSql(selection, by, query));
  return rows.map((row) => ({ product: toProduct(row), key: orders[by].keyOf(row) }));
}

/** Returns the statement of a page. */
export function pageSql(selection: ProductSelection, by: ProductOrder, { take, after }: PageQuery): Sql {
  const { query, category, currencyCode, minPrice, maxPrice, active } = selection;
  const { order } = orders[by];
  const search = sql`${query ?? ''}::tsquery`;
  const matching = where([
    query !== undefined && sql`search @@ ${search}`,
    category !== undefined && sql`category = ${category}`,
    currencyCode !== undefined && sql`currency = ${currencyCode}`,
    minPrice !== undefined && sql`price >= ${minPrice}::numeric`,
    maxPrice !== undefined && sql`price <= ${maxPrice}::numeric`,
    active !== undefined && sql`active = ${active}`,
  ]);
  // The rank is a value of the row and the query alone, so that other products cannot move a row between pages.
  const rank = by === 'relevance' ? sql`ts_rank(search, ${search})` : sql`0::real`;
  return sql`
    SELECT ${productColumns}, p.sort_name AS "sortName", p.rank::text AS rank
    FROM (SELECT *, ${rank} AS rank FROM catalog.products WHERE ${matching}) p ${lapsedStock}
    WHERE ${where([keyset(order, after)])}
    ORDER BY ${order.by} LIMIT ${take}`;
}
