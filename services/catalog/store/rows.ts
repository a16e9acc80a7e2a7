import { amountOf } from '#kit/money/money.ts';
import { columns } from '#kit/store/columns.ts';
import { sql } from '#kit/store/sql.ts';
import type { Product } from '../domain/products.ts';

/** A product's row. */
export interface ProductRow extends Omit<Product, 'price'> {
  readonly currency: string;
  /** A decimal number. */
  readonly price: string;
}

/** The columns of a product `p`, joined with `lapsedStock`. */
export const productColumns = columns<ProductRow>('p', {
  id: true,
  sku: true,
  name: true,
  description: true,
  category: true,
  currency: true,
  price: sql`p.price::text`,
  stock: sql`p.stock + coalesce(lapsed.quantity, 0)`,
  imageUrl: true,
  active: true,
  createdAt: true,
  updatedAt: true,
});

/**
 * To join with products `p`: what lapsed reservations hold of them. They can be bought, although the sweep has not yet
 * put them back. There are few, and a partial index has them.
 */
export const lapsedStock = sql`
  LEFT JOIN (
    SELECT l.product_id, sum(l.quantity)::int AS quantity
    FROM catalog.reservations r JOIN catalog.reservation_lines l ON l.order_id = r.order_id
    WHERE r.state = 'reserved' AND r.expires_at <= now()
    GROUP BY l.product_id
  ) lapsed ON lapsed.product_id = p.id`;

/** Converts a row to a product. Drops other columns of the row. */
export function toProduct({ currency, price, ...row }: ProductRow): Product {
  const { id, sku, name, description, category, stock, imageUrl, active, createdAt, updatedAt } = row;
  return {
    id,
    sku,
    name,
    description,
    category,
    price: amountOf(price, currency),
    stock,
    imageUrl,
    active,
    createdAt,
    updatedAt,
  };
}
