import type { Figures } from './measure.ts';

/** A ratio of two cases: the median of the ratios of rounds, and the lowest and highest of them. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Returns the median; of an even number of values, the mean of the middle two. @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (lower === undefined || upper === undefined) throw new RangeError('no values');
  return (lower + upper) / 2;
}

/**
 * Returns the ratio of two cases that were measured in the same rounds. Each ratio is of one round, so that what slows
 * the machine for a while changes both of its sides.
 * @throws RangeError without rounds, or if one case has more than the other
 */
export function pairedRatio(values: readonly number[], bases: readonly number[]): Ratio {
  if (values.length !== bases.length) throw new RangeError(`${values.length} rounds against ${bases.length}`);
  const ratios = values.map((value, round) => value / (bases[round] ?? Number.NaN));
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

/** Returns the medians of the figures of rounds. @throws RangeError without rounds */
export function mediansOf(rounds: readonly Figures[]): Figures {
  const [first] = rounds;
  if (!first) throw new RangeError('no rounds');
  const of = (read: (figures: Figures) => number) => median(rounds.map(read));
  // A figure that a round lacks is missing in all: it is unavailable on the machine, or not measured for the case.
  const ofSome = (read: (figures: Figures) => number | null) =>
    read(first) === null ? null : of((figures) => read(figures) ?? Number.NaN);
  return {
    rate: of(({ rate }) => rate),
    cpu: of(({ cpu }) => cpu),
    by: Object.fromEntries(Object.keys(first.by).map((name) => [name, of(({ by }) => by[name] ?? Number.NaN)])),
    database: ofSome(({ database }) => database),
    client: of(({ client }) => client),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    delay: ofSome(({ delay }) => delay),
    loop: of(({ loop }) => loop),
    clientLoop: of(({ clientLoop }) => clientLoop),
    cores: of(({ cores }) => cores),
    others: of(({ others }) => others),
  };
}
