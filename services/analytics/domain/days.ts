import { failure } from '#kit/errors/failure.ts';
import { type Offset, offsetsOf } from './time-zone.ts';

/** Days of a time zone. */
export interface Days {
  /** Each date in ascending order: `2026-11-26`. */
  readonly dates: readonly string[];
  /** The beginning of each day, and the end of the last one. A day that the zone skipped ends where it begins. */
  readonly starts: readonly Date[];
}

const day = 86_400_000;
const quarter = 900_000;
const maxDays = 366;
/** More than any offset from UTC, in quarter hours. */
const widest = 16 * 4;

/**
 * Returns the days from one date to another, both included.
 * @param timeZone a name of the IANA database; empty for UTC
 * @throws INVALID_ARGUMENT naming the field of GetSummaryRequest
 */
export function daysOf(fromDate: string, toDate: string, timeZone: string): Days {
  const from = dayNumber('from_date', fromDate);
  const to = dayNumber('to_date', toDate);
  if (to < from) invalid('to_date', 'must not be before from_date', 'DATE_ORDER');
  const count = to - from + 1;
  if (count > maxDays) invalid('to_date', `must end a range of at most ${maxDays} dates`, 'DATE_RANGE');
  const offset =
    offsetsOf(timeZone || 'UTC') ??
    invalid('time_zone', 'must be a time zone of the IANA database', 'UNKNOWN_TIME_ZONE');
  const starts: number[] = [];
  for (let number = from; number <= to + 1; number++) starts.push(startOf(number, offset, starts.at(-1)));
  return {
    dates: Array.from({ length: count }, (_, index) => new Date((from + index) * day).toISOString().slice(0, 10)),
    starts: starts.map((time) => new Date(time)),
  };
}

/** Number of a date, counted in days since 1970-01-01. */
function dayNumber(field: string, text: string): number {
  const date = new Date(`${text}T00:00:00Z`);
  // Date.parse takes February 30 for March 2.
  const isDate = !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text;
  if (!isDate || date.getTime() < 0) invalid(field, 'must be a date from 1970-01-01 on, as 2026-11-26', 'STRING_DATE');
  return date.getTime() / day;
}

/**
 * The beginning of a day: the first quarter hour whose local date is that date or a later one. Where the clock is put
 * forward at midnight it is not 00:00.
 * @param previous the beginning of the day before
 */
function startOf(number: number, offset: Offset, previous: number | undefined): number {
  const midnight = number * day;
  if (previous !== undefined) {
    // Most days have 24 hours.
    const next = previous + day;
    if (next + offset(next) === midnight) return next;
  }
  let [before, at] = [-widest, widest];
  while (at - before > 1) {
    const middle = Math.floor((before + at) / 2);
    const time = midnight + middle * quarter;
    if (time + offset(time) >= midnight) at = middle;
    else before = middle;
  }
  return midnight + at * quarter;
}

function invalid(field: string, description: string, reason: string): never {
  throw failure('INVALID_ARGUMENT', { fields: [{ field, description, reason }] });
}
