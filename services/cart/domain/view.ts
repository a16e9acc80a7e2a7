import { type Amount, isSame, sum, times } from '#kit/money/money.ts';
import type { Line, Offer } from './lines.ts';

/** What keeps a line from being bought as it is. */
export type Problem = '' | 'unavailable' | 'insufficient_stock' | 'price_changed';

/** A line of a cart with what the catalog knows of its product. */
export interface LineView {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
  /** Undefined if the catalog does not know the product. */
  readonly unitPrice: Amount | undefined;
  readonly lineTotal: Amount | undefined;
  /** The price that the user knows, where it has changed. */
  readonly previousUnitPrice: Amount | undefined;
  readonly availableQuantity: number;
  readonly problem: Problem;
}

/** A cart as its user sees it. */
export interface CartView {
  readonly lines: readonly LineView[];
  /** Without unavailable lines. Undefined for a cart without lines. */
  readonly total: Amount | undefined;
  readonly updatedAt: Date | undefined;
}

/** Returns a cart with the names, prices and stock of the catalog. @param offers by product id */
export function viewOf(
  lines: readonly Line[],
  offers: ReadonlyMap<string, Offer>,
  updatedAt: Date | undefined,
): CartView {
  const views = lines.map((line) => viewOfLine(line, offers.get(line.productId)));
  const [first] = lines;
  const sold = views.flatMap(({ problem, lineTotal }) => (problem === 'unavailable' || !lineTotal ? [] : [lineTotal]));
  return { lines: views, total: first && sum(first.price.currencyCode, sold), updatedAt };
}

function viewOfLine({ productId, quantity, price }: Line, offer: Offer | undefined): LineView {
  const unitPrice = offer?.price;
  const isSold = offer?.active === true && offer.price.currencyCode === price.currencyCode;
  const hasNewPrice = unitPrice !== undefined && !isSame(price, unitPrice);
  const availableQuantity = isSold ? offer.stock : 0;
  const problems = [
    !isSold && 'unavailable',
    availableQuantity < quantity && 'insufficient_stock',
    hasNewPrice && 'price_changed',
  ] as const;
  return {
    productId,
    name: offer?.name ?? '',
    quantity,
    unitPrice,
    lineTotal: unitPrice && times(unitPrice, quantity),
    previousUnitPrice: hasNewPrice ? price : undefined,
    availableQuantity,
    problem: problems.find((one) => one !== false) ?? '',
  };
}
