import type { Amount } from '#kit/money/money.ts';
import { failure } from '../reasons.ts';

/** A line of a cart, as it is kept. */
export interface Line {
  readonly productId: string;
  readonly quantity: number;
  /** Price of one piece when the line was added or last changed by its user. */
  readonly price: Amount;
}

/** A product of the catalog, as far as a cart needs it. */
export interface Offer {
  readonly id: string;
  readonly name: string;
  readonly price: Amount;
  /** Number of pieces that can be bought now. */
  readonly stock: number;
  readonly active: boolean;
}

const maxLines = 100;
const maxQuantity = 99;

/**
 * Returns the line after adding pieces of a product to a cart.
 * @throws CART_FULL, QUANTITY_LIMIT, CURRENCY_MIXED
 */
export function addedLine(lines: readonly Line[], offer: Offer, quantity: number): Line {
  const present = lines.find(({ productId }) => productId === offer.id);
  if (!present && lines.length >= maxLines) throw failure('CART_FULL');
  const sum = (present?.quantity ?? 0) + quantity;
  if (sum > maxQuantity) throw failure('QUANTITY_LIMIT');
  // All lines have one currency, also those whose product has changed it since.
  if (lines.some(({ price }) => price.currencyCode !== offer.price.currencyCode)) throw failure('CURRENCY_MIXED');
  return { productId: offer.id, quantity: sum, price: offer.price };
}

/**
 * Returns a line with another quantity, at the current price. It keeps its price where the product is not sold in the
 * currency of the cart any more.
 * @throws NOT_FOUND if the cart has no such line
 */
export function changedLine(
  lines: readonly Line[],
  productId: string,
  quantity: number,
  offer: Offer | undefined,
): Line {
  const line = lines.find((one) => one.productId === productId);
  if (!line) throw failure('NOT_FOUND');
  const price = offer?.price.currencyCode === line.price.currencyCode ? offer.price : line.price;
  return { productId, quantity, price };
}
