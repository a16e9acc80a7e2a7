import { describe, expect, test } from 'vitest';
import type { Figures } from './measure.ts';
import { median, mediansOf, pairedRatio } from './ratios.ts';

const figures = (some: Partial<Figures>): Figures => ({
  rate: 0,
  cpu: 0,
  by: {},
  database: null,
  client: 0,
  p50: 0,
  p99: 0,
  delay: null,
  loop: 0,
  clientLoop: 0,
  cores: 0,
  others: 0,
  ...some,
});

describe('the median', () => {
  test('of an odd number of values is the middle one', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  test('of an even number of values is the mean of the middle two', () => {
    expect(median([9, 1, 5, 6])).toBe(5.5);
  });

  test('of no values is an error', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('a paired ratio', () => {
  test('is the median of the ratios of rounds, not the ratio of the medians', () => {
    // The machine was slower in the later rounds, for both.
    expect(pairedRatio([2, 20, 200], [1, 10, 50])).toEqual({ median: 2, low: 2, high: 4 });
  });

  test('of a case to itself is 1', () => {
    expect(pairedRatio([3, 7], [3, 7])).toEqual({ median: 1, low: 1, high: 1 });
  });

  test('needs as many rounds of both cases', () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow('2 rounds against 1');
    expect(() => pairedRatio([], [])).toThrow(RangeError);
  });
});

describe('the medians of rounds', () => {
  test('are those of each figure, and of each process', () => {
    const rounds = [
      figures({ cpu: 1, p99: 30, by: { edge: 1, user: 6 } }),
      figures({ cpu: 2, p99: 10, by: { edge: 3, user: 5 } }),
      figures({ cpu: 9, p99: 20, by: { edge: 2, user: 4 } }),
    ];
    expect(mediansOf(rounds)).toEqual(figures({ cpu: 2, p99: 20, by: { edge: 2, user: 5 } }));
  });

  test('keep what is not measured as not measured', () => {
    expect(mediansOf([figures({ delay: 4, database: null })])).toMatchObject({ delay: 4, database: null });
  });

  test('of no rounds are an error', () => {
    expect(() => mediansOf([])).toThrow('no rounds');
  });
});
