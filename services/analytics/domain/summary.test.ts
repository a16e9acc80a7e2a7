import { expect, test } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { createSummaries, type Measures } from './summary.ts';

const summarize = (measures: Partial<Measures>) =>
  createSummaries({ measure: async () => ({ counts: [], active: [], revenue: [], ...measures }) })(
    '2026-11-25',
    '2026-11-26',
    '',
  );
const nothing = { signups: 0, logins: 0, activeUsers: 0, orders: 0, rides: 0, revenue: [] };

test('lists days without figures as zeros', async () => {
  expect(await summarize({})).toEqual({
    days: [
      { date: '2026-11-25', ...nothing },
      { date: '2026-11-26', ...nothing },
    ],
    totals: nothing,
  });
});

test('gives figures to their day, and to the totals', async () => {
  const { days, totals } = await summarize({
    counts: (['signup', 'login', 'order', 'ride'] as const).flatMap((kind, index) => [
      { day: 1, kind, count: index + 1 },
      { day: null, kind, count: index + 10 },
    ]),
    active: [
      { day: 1, users: 7 },
      { day: null, users: 8 },
    ],
    revenue: [
      { day: 1, currency: 'EUR', amount: '-0.50' },
      { day: null, currency: 'EUR', amount: '12.34' },
      { day: null, currency: 'JPY', amount: '5' },
    ],
  });
  expect(days[0]).toEqual({ date: '2026-11-25', ...nothing });
  expect(days[1]).toEqual({
    date: '2026-11-26',
    signups: 1,
    logins: 2,
    orders: 3,
    rides: 4,
    activeUsers: 7,
    revenue: [{ currencyCode: 'EUR', units: 0n, nanos: -500_000_000 }],
  });
  expect(totals).toEqual({
    signups: 10,
    logins: 11,
    orders: 12,
    rides: 13,
    activeUsers: 8,
    revenue: [
      { currencyCode: 'EUR', units: 12n, nanos: 340_000_000 },
      { currencyCode: 'JPY', units: 5n, nanos: 0 },
    ],
  });
});

test('a sum that Money holds is returned, and one unit more is OUT_OF_RANGE', async () => {
  const sum = (amount: string) => summarize({ revenue: [{ day: null, currency: 'EUR', amount }] });
  expect((await sum('9223372036854775807.999999999')).totals.revenue[0]?.units).toBe(2n ** 63n - 1n);
  expect(await sum('9223372036854775808').catch(reasonOf)).toBe('OUT_OF_RANGE');
});
