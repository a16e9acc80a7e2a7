import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { parseMoney } from '#kit/money/money.ts';
import { addedLine, changedLine, type Line, type Offer } from './lines.ts';
import { viewOf } from './view.ts';

const money = (text: string, currency = 'EUR') => parseMoney(text, currency)!;
const line = (quantity: number, price = '10', productId = 'a'): Line => ({ productId, quantity, price: money(price) });
const offer = (fields: Partial<Offer> = {}): Offer => ({
  id: 'a',
  name: 'Thing',
  price: money('10'),
  stock: 5,
  active: true,
  ...fields,
});
const shown = (one: Line, product?: Offer) => {
  const { lines, total } = viewOf([one], new Map(product ? [['a', product]] : []), undefined);
  return { ...lines[0]!, total };
};

test('an empty cart has no total', () => {
  expect(viewOf([], new Map(), undefined)).toEqual({ lines: [], total: undefined, updatedAt: undefined });
});

test('a line has the price and the stock of the catalog', () => {
  expect(shown(line(5), offer())).toEqual({
    productId: 'a',
    name: 'Thing',
    quantity: 5,
    unitPrice: money('10'),
    lineTotal: money('50'),
    previousUnitPrice: undefined,
    availableQuantity: 5,
    problem: '',
    total: money('50'),
  });
});

test.each<[string, Line, Offer | undefined, object]>([
  [
    'is not known',
    line(1),
    undefined,
    { problem: 'unavailable', name: '', availableQuantity: 0, unitPrice: undefined },
  ],
  ['is inactive', line(1), offer({ active: false }), { problem: 'unavailable', name: 'Thing', availableQuantity: 0 }],
  [
    'has another currency',
    line(1),
    offer({ price: money('10', 'USD') }),
    { problem: 'unavailable', total: money('0') },
  ],
  ['is short', line(6), offer(), { problem: 'insufficient_stock', availableQuantity: 5, total: money('60') }],
  ['has a new price', line(1, '9.99'), offer(), { problem: 'price_changed', previousUnitPrice: money('9.99') }],
  [
    'is short and has a new price',
    line(6, '9'),
    offer(),
    { problem: 'insufficient_stock', previousUnitPrice: money('9'), total: money('60') },
  ],
  ['is inactive, short and has a new price', line(6, '9'), offer({ active: false }), { problem: 'unavailable' }],
])('the line of a product that %s shows it', (_, one, product, expected) => {
  expect(shown(one, product)).toMatchObject(expected);
});

test('the total leaves unavailable lines out', () => {
  const lines = [line(2), line(1, '5', 'b'), line(1, '7', 'c')];
  const offers = new Map([
    ['a', offer()],
    ['b', offer({ id: 'b', price: money('5'), active: false })],
  ]);
  expect(viewOf(lines, offers, undefined).total).toEqual(money('20'));
});

const reasonFor = (call: () => unknown) => {
  try {
    return call();
  } catch (error) {
    return reasonOf(error);
  }
};

test('a line has at most 99 pieces', () => {
  expect(addedLine([], offer(), 99).quantity).toBe(99);
  expect(addedLine([line(98)], offer(), 1).quantity).toBe(99);
  expect(reasonFor(() => addedLine([line(99)], offer(), 1))).toBe('QUANTITY_LIMIT');
  expect(reasonFor(() => addedLine([line(1)], offer(), 99))).toBe('QUANTITY_LIMIT');
});

test('a cart has at most 100 lines; more pieces of a line are none', () => {
  const lines = Array.from({ length: 100 }, (_, index) => line(1, '1', index === 0 ? 'a' : `p${index}`));
  expect(addedLine(lines.slice(0, 99), offer({ id: 'b' }), 1).productId).toBe('b');
  expect(reasonFor(() => addedLine(lines, offer({ id: 'b' }), 1))).toBe('CART_FULL');
  expect(addedLine(lines, offer(), 1).quantity).toBe(2);
});

test('a cart has one currency, also where a product has changed it since', () => {
  expect(reasonFor(() => addedLine([line(1)], offer({ id: 'b', price: money('1', 'USD') }), 1))).toBe('CURRENCY_MIXED');
  expect(reasonFor(() => addedLine([line(1)], offer({ price: money('1', 'USD') }), 1))).toBe('CURRENCY_MIXED');
});

test('a change of a line takes the current price, except in another currency', () => {
  expect(changedLine([line(1, '9')], 'a', 3, offer())).toEqual(line(3));
  expect(changedLine([line(1, '9')], 'a', 3, offer({ price: money('10', 'USD') }))).toEqual(line(3, '9'));
  expect(changedLine([line(1, '9')], 'a', 3, undefined)).toEqual(line(3, '9'));
  expect(reasonFor(() => changedLine([line(1)], 'b', 1, undefined))).toBe('NOT_FOUND');
});
