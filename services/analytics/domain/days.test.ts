import { expect, test } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { daysOf } from './days.ts';
import { offsetsOf } from './time-zone.ts';

const startsOf = (from: string, to: string, zone: string) =>
  daysOf(from, to, zone).starts.map((at) => at.toISOString());
const hoursOf = (date: string, zone: string) => {
  const [start, end] = daysOf(date, date, zone).starts;
  return (end!.getTime() - start!.getTime()) / 3_600_000;
};
const faultOf = (...range: Parameters<typeof daysOf>) => {
  try {
    daysOf(...range);
    return undefined;
  } catch (error) {
    return [reasonOf(error), ...violationsOf(error).map(({ field }) => field)];
  }
};

test('both dates are included, and UTC is the default', () => {
  expect(daysOf('2026-02-27', '2026-03-01', '')).toEqual({
    dates: ['2026-02-27', '2026-02-28', '2026-03-01'],
    starts: ['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02'].map((date) => new Date(date)),
  });
});

test('a day of Berlin has 23 hours when the clock is put forward and 25 when it is put back', () => {
  expect(startsOf('2026-03-28', '2026-03-30', 'Europe/Berlin')).toEqual([
    '2026-03-27T23:00:00.000Z',
    '2026-03-28T23:00:00.000Z',
    '2026-03-29T22:00:00.000Z',
    '2026-03-30T22:00:00.000Z',
  ]);
  expect(startsOf('2026-10-24', '2026-10-26', 'Europe/Berlin')).toEqual([
    '2026-10-23T22:00:00.000Z',
    '2026-10-24T22:00:00.000Z',
    '2026-10-25T23:00:00.000Z',
    '2026-10-26T23:00:00.000Z',
  ]);
});

test('a day of Kathmandu begins at 18:15 UTC', () => {
  expect(startsOf('2026-11-26', '2026-11-26', 'Asia/Kathmandu')).toEqual([
    '2026-11-25T18:15:00.000Z',
    '2026-11-26T18:15:00.000Z',
  ]);
});

test.each([
  ['Australia/Lord_Howe', '2026-04-05', 24.5],
  ['Australia/Lord_Howe', '2026-10-04', 23.5],
  // The clock is put forward at midnight, so the day begins at 01:00.
  ['Asia/Beirut', '2026-03-29', 23],
  ['Africa/Cairo', '2026-04-24', 23],
  // It is put back at midnight, so the day before has 25 hours.
  ['Asia/Beirut', '2026-10-24', 25],
  ['Africa/Cairo', '2026-10-29', 25],
  // Midnight occurs twice on one date.
  ['America/Havana', '2026-11-01', 25],
  // The zone moved across the date line and skipped the day.
  ['Pacific/Apia', '2011-12-30', 0],
])('the day of %s on %s has %d hours', (zone, date, hours) => {
  expect(hoursOf(date, zone)).toBe(hours);
});

test('each day of a year begins at the first quarter hour of its date, in every zone', () => {
  const { dates } = daysOf('2026-01-01', '2026-12-31', 'UTC');
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const local = new Intl.DateTimeFormat('en-CA', { timeZone: zone });
    const { starts } = daysOf('2026-01-01', '2026-12-31', zone);
    const wrong = dates.filter((date, index) => {
      const start = starts[index]!.getTime();
      return start % 900_000 !== 0 || local.format(start) !== date || local.format(start - 900_000) >= date;
    });
    expect([zone, wrong]).toEqual([zone, []]);
  }
});

test('a range has at most 366 dates', () => {
  expect(daysOf('2028-01-01', '2028-12-31', '').dates).toHaveLength(366);
  expect(daysOf('2026-01-01', '2027-01-01', '').dates).toHaveLength(366);
  expect(faultOf('2026-01-01', '2027-01-02', '')).toEqual(['INVALID_ARGUMENT', 'to_date']);
});

test.each([
  ['2026-02-29', '2026-03-01', '', 'from_date'],
  ['2026-13-01', '2026-12-01', '', 'from_date'],
  ['1969-12-31', '1970-01-01', '', 'from_date'],
  ['0000-01-01', '0000-01-02', '', 'from_date'],
  ['2026-01-01', '2026-01-32', '', 'to_date'],
  ['2026-01-02', '2026-01-01', '', 'to_date'],
  ['2026-01-01', '2026-01-01', 'Europe/Bonn', 'time_zone'],
])('refuses %s to %s in "%s", naming %s', (from, to, zone, field) => {
  expect(faultOf(from, to, zone)).toEqual(['INVALID_ARGUMENT', field]);
});

test.each([
  ['1970-01-01', '1970-01-02'],
  ['9999-12-30', '9999-12-31'],
])('takes the outermost dates %s to %s', (from, to) => {
  for (const zone of ['', 'Pacific/Kiritimati', 'Pacific/Pago_Pago']) expect(faultOf(from, to, zone)).toBeUndefined();
});

test('knows all zones of the IANA database, also by an older name and in any case', () => {
  const others = [
    'UTC utc GMT GMT+0 GMT-0 CET EST5EDT W-SU NZ-CHAT Etc/GMT+12 Etc/UTC Europe/Kyiv Europe/Kiev US/Pacific',
    'america/argentina/buenos_aires America/Port-au-Prince',
  ].join(' ');
  const names = [...Intl.supportedValuesOf('timeZone'), ...others.split(' ')];
  expect(names.filter((name) => !offsetsOf(name))).toEqual([]);
});

test.each([
  'PST',
  'IST',
  'SystemV/PST8',
  '+01:00',
  '-0100',
  'GMT+5',
  'Z',
  'localtime',
  'Factory',
  'Europe',
  'Europe/',
  ' UTC',
])('does not know "%s"', (name) => {
  expect(offsetsOf(name)).toBeUndefined();
});
