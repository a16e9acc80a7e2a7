import { earthRadius } from './fares.ts';
import type { Position } from './ride.ts';

/**
 * Cells of a grid over the earth, 0.01 degrees wide and high (1.1 km from south to north). They are numbered from west to
 * east, row by row from the south, so that neighbours of a row are one range of an index.
 */
const perDegree = 100;
const columns = 360 * perDegree;
const rows = 180 * perDegree;

/** Returns the number of the cell with a position: 0 or more, within int32. */
export function cellOf({ latitude, longitude }: Position): number {
  return rowOf(latitude) * columns + wrapped(columnOf(longitude));
}

/** Ranges of cells: for each place of the lists, all numbers from `first` to `last`. */
export interface CellRanges {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/**
 * Returns ranges of cells, without overlaps, that have all positions within a radius, and others. Their number grows
 * with the radius: one for each row, and two where a row crosses the antimeridian.
 * @param radius meters, at most a quarter of a great circle
 */
export function cellsAround(center: Position, radius: number): CellRanges {
  const angle = radius / earthRadius;
  const height = degrees(angle) + margin;
  const width = longitudesWithin(center.latitude, angle) + margin;
  const isWhole = width >= 180;
  const west = isWhole ? 0 : columnOf(center.longitude - width);
  const east = isWhole ? columns - 1 : columnOf(center.longitude + width);
  const ranges: [number, number][] = [];
  for (let row = rowOf(center.latitude - height); row <= rowOf(center.latitude + height); row++) {
    const first = row * columns;
    if (east - west >= columns - 1) ranges.push([first, first + columns - 1]);
    else if (wrapped(west) <= wrapped(east)) ranges.push([first + wrapped(west), first + wrapped(east)]);
    else ranges.push([first, first + wrapped(east)], [first + wrapped(west), first + columns - 1]);
  }
  return { first: ranges.map(([first]) => first), last: ranges.map(([, last]) => last) };
}

/** Half the width of a circle on the sphere, degrees of longitude; 180 if a pole is within. */
function longitudesWithin(latitude: number, angle: number): number {
  const sine = Math.sin(angle) / Math.cos((latitude * Math.PI) / 180);
  return Math.abs(latitude) + degrees(angle) >= 90 || sine >= 1 ? 180 : degrees(Math.asin(sine));
}

const degrees = (angle: number) => (angle * 180) / Math.PI;

/** Covers rounding errors, degrees: about a meter. */
const margin = 1e-5;

const rowOf = (latitude: number) => Math.min(rows - 1, Math.max(0, Math.floor((latitude + 90) * perDegree)));
const columnOf = (longitude: number) => Math.floor((longitude + 180) * perDegree);
const wrapped = (column: number) => ((column % columns) + columns) % columns;
