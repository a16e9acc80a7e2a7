import { expect, test } from 'vitest';
import { distanceBetween, fareOf } from './fares.ts';

const money = (currencyCode: string, units: bigint, nanos = 0) => ({ currencyCode, units, nanos });
const euros = { perKm: money('EUR', 1n, 200_000_000), min: money('EUR', 3n) };

test.each([
  [0, 3n, 0],
  // The distance at which the minimum ends, and a meter past it.
  [2_500, 3n, 0],
  [2_501, 3n, 10_000_000],
  [2_509, 3n, 20_000_000],
  [10_000, 12n, 0],
  // Half a great circle.
  [20_015_115, 24_018n, 140_000_000],
])('%i m cost %s.%i euros: rounded up to the cent, and at least the minimum', (meters, units, nanos) => {
  expect(fareOf(euros, meters)).toEqual(money('EUR', units, nanos));
});

test.each([
  ['JPY', 121n, 0],
  ['KWD', 120n, 14_000_000],
] as const)('a fare in %s is rounded up to its smallest unit', (currency, units, nanos) => {
  const tariff = { perKm: money(currency, 1n, 200_000_000), min: money(currency, 0n, 1) };
  expect(fareOf(tariff, 100_011)).toEqual(money(currency, units, nanos));
});

test('the largest fare of the longest distance is exact', () => {
  const tariff = { perKm: money('EUR', 999_999_999n, 999_999_999), min: money('EUR', 1n) };
  expect(fareOf(tariff, 20_015_115)).toEqual(money('EUR', 20_015_115_000_000n));
});

test('a minimum with more digits than its currency is rounded up, too', () => {
  expect(fareOf({ ...euros, min: money('EUR', 3n, 1) }, 0)).toEqual(money('EUR', 3n, 10_000_000));
});

test.each([
  ['the same place', { latitude: 52.5, longitude: 13.4 }, { latitude: 52.5, longitude: 13.4 }, 0],
  ['antipodes', { latitude: 12, longitude: 34 }, { latitude: -12, longitude: -146 }, 20_015_114],
  ['both sides of the antimeridian', { latitude: 0, longitude: 179.5 }, { latitude: 0, longitude: -179.5 }, 111_195],
  ['a pole by any meridian', { latitude: 90, longitude: 0 }, { latitude: 90, longitude: 120 }, 0],
])('the distance of %s', (_, a, b, meters) => {
  expect(Math.round(distanceBetween(a, b))).toBe(meters);
});
