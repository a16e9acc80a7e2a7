import { expect, test } from 'vitest';
import { formatMoney } from './money.js';

const text = (units: string, nanos: number, currency_code = 'EUR') =>
  formatMoney({ currency_code, units, nanos }, 'en-IE');

test.each([
  ['12', 500_000_000, '€12.50'],
  ['0', 10_000_000, '€0.01'],
  ['1234567', 0, '€1,234,567.00'],
  ['-3', -50_000_000, '-€3.05'],
  ['0', -200_000_000, '-€0.20'],
])('formats %s units and %i nanos', (units, nanos, expected) => {
  expect(text(units, nanos)).toBe(expected);
});

test('uses the digits of the currency', () => {
  expect(text('1500', 0, 'JPY')).toMatch(/1,500$/);
  expect(text('1', 125_000_000, 'KWD')).toMatch(/1\.125$/);
});

test('is exact beyond the integers of floating point', () => {
  expect(text('9007199254740993', 10_000_000)).toBe('€9,007,199,254,740,993.01');
  expect(text('9223372036854775807', 990_000_000)).toBe('€9,223,372,036,854,775,807.99');
});
