import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MoneySchema } from '#gen/proto/signet/type/v1/money_pb.ts';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { assertCurrency, assertPayable } from './check.ts';
import { digitsOf } from './currencies.ts';
import {
  add,
  type Amount,
  compare,
  formatMoney,
  hasCurrencyDigits,
  isSame,
  parseMoney,
  signOf,
  subtract,
  sum,
  times,
  zero,
} from './money.ts';

const euro = (units: bigint, nanos = 0): Amount => ({ currencyCode: 'EUR', units, nanos });
const most = euro(2n ** 63n - 1n, 999_999_999);
const least = euro(-(2n ** 63n), -999_999_999);

/** Amounts in billionths of a unit, small enough for three of them to add up. */
const anyEuro = fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n }).map((nanos) => ({
  amount: euro(nanos / 10n ** 9n, Number(nanos % 10n ** 9n)),
  nanos,
}));
const nanosOf = ({ units, nanos }: Amount) => units * 10n ** 9n + BigInt(nanos);

test('adds, subtracts, multiplies and compares exactly', () => {
  fc.assert(
    fc.property(anyEuro, anyEuro, fc.integer({ min: -50, max: 50 }), (a, b, factor) => {
      expect(nanosOf(add(a.amount, b.amount))).toBe(a.nanos + b.nanos);
      expect(nanosOf(subtract(a.amount, b.amount))).toBe(a.nanos - b.nanos);
      expect(nanosOf(times(a.amount, factor))).toBe(a.nanos * BigInt(factor));
      expect(compare(a.amount, b.amount)).toBe(a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0);
      expect(isSame(a.amount, b.amount)).toBe(a.nanos === b.nanos);
    }),
  );
});

test('units and nanos of a result never have opposite signs', () => {
  fc.assert(
    fc.property(anyEuro, anyEuro, (a, b) => {
      const { units, nanos } = subtract(a.amount, b.amount);
      expect(units === 0n || nanos === 0 || units > 0n === nanos > 0).toBe(true);
    }),
  );
});

test('is exact where floating-point numbers are not', () => {
  expect(add(euro(0n, 100_000_000), euro(0n, 200_000_000))).toEqual(euro(0n, 300_000_000));
  expect(times(euro(0n, 70_000_000), 3)).toEqual(euro(0n, 210_000_000));
  expect(sum('EUR', Array<Amount>(1_000).fill(euro(0n, 10_000_000)))).toEqual(euro(10n));
});

test('a Money message is an amount', () => {
  const money = create(MoneySchema, { currencyCode: 'EUR', units: 12n, nanos: 500_000_000 });
  expect(formatMoney(times(money, 2))).toBe('25.00');
});

test('reads back what it formats', () => {
  fc.assert(
    fc.property(anyEuro, ({ amount }) => {
      expect(parseMoney(formatMoney(amount), 'EUR')).toEqual(amount);
    }),
  );
});

test.each<[string, Amount]>([
  ['12.50', euro(12n, 500_000_000)],
  ['0.00', euro(0n)],
  ['-0.01', euro(0n, -10_000_000)],
  ['-3.000000005', euro(-3n, -5)],
  ['500', { currencyCode: 'JPY', units: 500n, nanos: 0 }],
  ['1.001', { currencyCode: 'KWD', units: 1n, nanos: 1_000_000 }],
  ['9223372036854775807.999999999', most],
  ['-9223372036854775808.999999999', least],
])('formats and parses %s', (text, amount) => {
  expect(formatMoney(amount)).toBe(text);
  expect(parseMoney(text, amount.currencyCode)).toEqual(amount);
});

test.each([
  '',
  '.',
  '1.',
  '.5',
  '1.0000000000',
  '1e3',
  '+1',
  ' 1',
  '1,5',
  '0x10',
  '１',
  '9223372036854775808',
  '99999999999999999999',
])('does not parse %j', (text) => {
  expect(parseMoney(text, 'EUR')).toBeUndefined();
});

test('refuses an overflow, a fraction as a factor, and two currencies', () => {
  const cent = euro(0n, 10_000_000);
  expect(add(subtract(most, cent), cent)).toEqual(most);
  expect(() => add(most, cent)).toThrow(RangeError);
  expect(() => subtract(least, cent)).toThrow(RangeError);
  expect(() => times(most, 2)).toThrow(RangeError);
  expect(() => times(cent, 0.5)).toThrow(RangeError);
  const yen = { currencyCode: 'JPY', units: 1n, nanos: 0 };
  expect(() => add(cent, yen)).toThrow(TypeError);
  expect(() => compare(cent, yen)).toThrow(TypeError);
  expect(isSame(zero('EUR'), zero('JPY'))).toBe(false);
});

test('returns the sign of an amount', () => {
  expect([euro(0n, -1), euro(-1n), zero('EUR'), euro(0n, 1), euro(1n)].map(signOf)).toEqual([-1, -1, 0, 1, 1]);
});

test('knows the currencies of ISO 4217 and their digits', () => {
  expect(['JPY', 'EUR', 'KWD', 'IQD', 'CLF', 'XCG'].map(digitsOf)).toEqual([0, 2, 3, 3, 4, 2]);
  // Not a currency, withdrawn, a metal, no currency, or written differently.
  expect(['ABC', 'DEM', 'HRK', 'BGN', 'XAU', 'XXX', 'eur', '', 'toString'].map(digitsOf)).toEqual(
    Array(9).fill(undefined),
  );
});

test('knows the currencies that Intl knows, except withdrawn ones and units of account', () => {
  const unknown = Intl.supportedValuesOf('currency').filter((code) => digitsOf(code) === undefined);
  const withdrawn = new Set(['ANG', 'BGN', 'CUC', 'HRK', 'SLL', 'ZWL', 'XDR', 'XSU']);
  expect(unknown.filter((code) => !withdrawn.has(code))).toEqual([]);
});

test.each([
  ['EUR', 10_000_000, true],
  ['EUR', 1_000_000, false],
  ['JPY', 0, true],
  ['JPY', 100_000_000, false],
  ['KWD', 1_000_000, true],
  ['KWD', 100_000, false],
  ['CLF', 100_000, true],
  ['CLF', 10_000, false],
  ['ABC', 0, false],
])('an amount in %s with %d nanos has the digits of its currency: %s', (currencyCode, nanos, expected) => {
  expect(hasCurrencyDigits({ currencyCode, units: 1n, nanos })).toBe(expected);
});

test('refuses an amount that is not payable, naming the field', () => {
  const fault = (amount: Amount) => {
    try {
      assertPayable('price', amount);
      return undefined;
    } catch (error) {
      return [reasonOf(error), ...violationsOf(error).map(({ field }) => field)];
    }
  };
  expect(fault(euro(0n, 10_000_000))).toBeUndefined();
  expect(fault(euro(0n, 1_000_000))).toEqual(['INVALID_ARGUMENT', 'price']);
  expect(fault(euro(0n))).toEqual(['INVALID_ARGUMENT', 'price']);
  expect(fault(euro(-1n))).toEqual(['INVALID_ARGUMENT', 'price']);
  expect(fault({ currencyCode: 'ABC', units: 1n, nanos: 0 })).toEqual(['INVALID_ARGUMENT', 'price.currency_code']);
  expect(() => assertCurrency('currency_code', 'EUR')).not.toThrow();
});
