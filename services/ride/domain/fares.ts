import { type Amount, compare, timesRoundedUp } from '#kit/money/money.ts';
import type { Position } from './ride.ts';

/** Mean radius of the earth (IUGG), meters. */
export const earthRadius = 6_371_008.8;

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/** Returns the length of the great circle between two positions, by the haversine formula; meters. */
export function distanceBetween(a: Position, b: Position): number {
  const north = Math.sin(radians(b.latitude - a.latitude) / 2);
  const east = Math.sin(radians(b.longitude - a.longitude) / 2);
  const haversine = north ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * east ** 2;
  // Rounding may bring it past 1 between antipodes.
  return 2 * earthRadius * Math.asin(Math.min(1, Math.sqrt(haversine)));
}

/** The fares, in one currency. */
export interface Tariff {
  /** Fare of a kilometer. */
  readonly perKm: Amount;
  /** The lowest fare. */
  readonly min: Amount;
}

/** Returns the fare of a distance in whole meters, rounded up to the smallest unit of the currency. */
export function fareOf({ perKm, min }: Tariff, meters: number): Amount {
  const byDistance = timesRoundedUp(perKm, meters, 1_000);
  const lowest = timesRoundedUp(min, 1, 1);
  return compare(byDistance, lowest) > 0 ? byDistance : lowest;
}
