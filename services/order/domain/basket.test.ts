import { expect, test } from 'vitest';
import { infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { basketOf, type CartLine, type Product } from './basket.ts';
import type { Amount } from './order.ts';

const euro = (units: bigint, nanos = 0, currencyCode = 'EUR'): Amount => ({ currencyCode, units, nanos });

const chain: Product = { id: 'chain', sku: 'C-1', name: 'A chain', price: euro(12n, 340_000_000), isActive: true };
const bell: Product = { id: 'bell', sku: 'B-1', name: 'A bell', price: euro(0n, 10_000_000), isActive: true };

const line = ({ id, price }: Product, quantity = 1, more: Partial<CartLine> = {}): CartLine => ({
  productId: id,
  quantity,
  unitPrice: price,
  hasNewPrice: false,
  isUnavailable: false,
  ...more,
});

/** The reason and the metadata of the refusal. */
function refusal(...basket: Parameters<typeof basketOf>): unknown {
  try {
    return basketOf(...basket);
  } catch (error) {
    return [reasonOf(error), metadataOf(infoOf(error))];
  }
}

test('has the lines in the order of the cart, at the prices of the catalog', () => {
  const { lines, total } = basketOf([line(bell, 99), line(chain, 2)], [chain, bell], undefined);
  expect(lines).toEqual([
    {
      productId: 'bell',
      sku: 'B-1',
      name: 'A bell',
      quantity: 99,
      unitPrice: bell.price,
      lineTotal: euro(0n, 990_000_000),
    },
    {
      productId: 'chain',
      sku: 'C-1',
      name: 'A chain',
      quantity: 2,
      unitPrice: chain.price,
      lineTotal: euro(24n, 680_000_000),
    },
  ]);
  expect(total).toEqual(euro(25n, 670_000_000));
});

test.each<[string, unknown, Parameters<typeof basketOf>]>([
  ['an empty cart', ['CART_EMPTY', {}], [[], [], undefined]],
  [
    'a product that is unknown',
    ['OUT_OF_STOCK', { product_ids: 'chain' }],
    [[line(chain), line(bell)], [bell], undefined],
  ],
  [
    'products that are not for sale',
    ['OUT_OF_STOCK', { product_ids: 'chain,bell' }],
    [[line(chain), line(bell, 1, { isUnavailable: true })], [{ ...chain, isActive: false }, bell], undefined],
  ],
  ['another total than expected', ['PRICE_CHANGED', {}], [[line(chain)], [chain], euro(12n, 340_000_001)]],
  ['a total in another currency', ['PRICE_CHANGED', {}], [[line(chain)], [chain], euro(12n, 340_000_000, 'USD')]],
  [
    'a price that the cart shows as changed',
    ['PRICE_CHANGED', {}],
    [[line(chain, 1, { hasNewPrice: true })], [chain], undefined],
  ],
  [
    'a price that changed after the cart was read',
    ['PRICE_CHANGED', {}],
    [[line(chain)], [{ ...chain, price: euro(13n) }], undefined],
  ],
  [
    'two currencies, even if the total is expected',
    ['PRICE_CHANGED', {}],
    [[line(chain), line(bell)], [chain, { ...bell, price: euro(1n, 0, 'USD') }], euro(12n, 340_000_000)],
  ],
])('refuses %s', (_, expected, basket) => {
  expect(refusal(...basket)).toEqual(expected);
});

test('accepts a changed price with the total that it makes', () => {
  const changed = { ...chain, price: euro(13n) };
  const cart = [line(chain, 2, { hasNewPrice: true })];
  expect(basketOf(cart, [changed], euro(26n)).total).toEqual(euro(26n));
});
