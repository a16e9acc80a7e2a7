import { isSame, sum, times } from '#kit/money/money.ts';
import { failure } from '../reasons.ts';
import type { Amount, OrderLine } from './order.ts';

/** A line of the caller's cart. */
export interface CartLine {
  readonly productId: string;
  readonly quantity: number;
  /** Current price of one piece; undefined if the catalog does not know the product any more. */
  readonly unitPrice: Amount | undefined;
  /** Whether the price has changed since the line was added or last updated. */
  readonly hasNewPrice: boolean;
  /** Whether the product is not for sale. */
  readonly isUnavailable: boolean;
}

/** A product of the catalog. */
export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly price: Amount;
  readonly isActive: boolean;
}

/** What an order buys. */
export interface Basket {
  readonly lines: readonly OrderLine[];
  readonly total: Amount;
}

/**
 * Turns a cart into the lines of an order, at the prices of the catalog.
 * @param expectedTotal the total that the customer saw; without it, no price may have changed
 * @throws CART_EMPTY, OUT_OF_STOCK naming the products that are not for sale, or PRICE_CHANGED
 */
export function basketOf(
  cart: readonly CartLine[],
  products: readonly Product[],
  expectedTotal: Amount | undefined,
): Basket {
  if (cart.length === 0) throw failure('CART_EMPTY');
  const known = new Map(products.filter(({ isActive }) => isActive).map((product) => [product.id, product]));
  const missing = cart.filter(({ productId, isUnavailable }) => isUnavailable || !known.has(productId));
  if (missing.length > 0) throw outOfStock(missing.map(({ productId }) => productId).join(','));
  const lines = cart.flatMap(({ productId, quantity }): OrderLine[] => {
    const product = known.get(productId);
    if (!product) return [];
    const { sku, name, price } = product;
    return [{ productId, sku, name, quantity, unitPrice: price, lineTotal: times(price, quantity) }];
  });
  const [currency, ...others] = new Set(lines.map(({ unitPrice }) => unitPrice.currencyCode));
  // The catalog changed a product's currency after the cart was read.
  if (currency === undefined || others.length > 0) throw failure('PRICE_CHANGED');
  const total = sum(
    currency,
    lines.map(({ lineTotal }) => lineTotal),
  );
  const isAsExpected = expectedTotal ? isSame(total, expectedTotal) : !hasNewPrice(cart, lines);
  if (!isAsExpected) throw failure('PRICE_CHANGED');
  return { lines, total };
}

function hasNewPrice(cart: readonly CartLine[], lines: readonly OrderLine[]): boolean {
  return cart.some((line, place) => {
    const now = lines[place]?.unitPrice;
    return line.hasNewPrice || !now || !line.unitPrice || !isSame(line.unitPrice, now);
  });
}

/** Creates OUT_OF_STOCK. */
export function outOfStock(productIds: string, orderId?: string) {
  const order = orderId === undefined ? {} : { order_id: orderId };
  return failure('OUT_OF_STOCK', { metadata: { product_ids: productIds, ...order } });
}
