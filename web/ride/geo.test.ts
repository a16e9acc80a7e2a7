import { describe, expect, test } from 'vitest';
import { formatDistance, metersBetween, rounded, stepTowards } from './geo.js';
import { pointOf, positionAt } from './map.js';

const hauptbahnhof = { latitude: 52.5251, longitude: 13.3694 };
const alexanderplatz = { latitude: 52.5219, longitude: 13.4132 };

test('measures along a great circle', () => {
  expect(metersBetween(hauptbahnhof, hauptbahnhof)).toBe(0);
  expect(metersBetween(hauptbahnhof, alexanderplatz)).toBeCloseTo(2985, -1);
  expect(metersBetween({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 180 })).toBeCloseTo(20_015_115, -1);
});

describe('a step', () => {
  test('has the given length', () => {
    const next = stepTowards(hauptbahnhof, alexanderplatz, 150);
    expect(Math.abs(metersBetween(hauptbahnhof, next) - 150)).toBeLessThan(2);
  });

  test('ends at the end, at the length of the way and past it', () => {
    const whole = metersBetween(hauptbahnhof, alexanderplatz);
    expect(stepTowards(hauptbahnhof, alexanderplatz, whole)).toEqual(alexanderplatz);
    expect(stepTowards(hauptbahnhof, alexanderplatz, whole + 1)).toEqual(alexanderplatz);
    expect(stepTowards(hauptbahnhof, alexanderplatz, whole - 10)).not.toEqual(alexanderplatz);
  });

  test('brings a ride to its end in a bounded number of steps', () => {
    let here = hauptbahnhof;
    const stride = metersBetween(hauptbahnhof, alexanderplatz) / 20;
    for (let step = 0; step < 21; step++) here = stepTowards(here, alexanderplatz, stride);
    expect(here).toEqual(alexanderplatz);
  });
});

test.each([
  [
    { latitude: 90, longitude: 180 },
    { latitude: 90, longitude: 180 },
  ],
  [
    { latitude: 90.1, longitude: 180.1 },
    { latitude: 90, longitude: 180 },
  ],
  [
    { latitude: -91, longitude: -181 },
    { latitude: -90, longitude: -180 },
  ],
  [
    { latitude: 52.123_456, longitude: 13.000_004 },
    { latitude: 52.123_46, longitude: 13 },
  ],
])('a position stays on the earth, with five digits: %j', (position, expected) => {
  expect(rounded(position)).toEqual(expected);
});

test.each([
  [0, '0 m'],
  [994, '990 m'],
  [995, '1 km'],
  [2985, '3 km'],
  [12_345, '12.3 km'],
])('formats %i m as %s', (meters, text) => {
  expect(formatDistance(meters, 'en')).toBe(text);
});

test('a point of the map is the position that it was drawn for', () => {
  for (const position of [hauptbahnhof, alexanderplatz]) expect(positionAt(pointOf(position))).toEqual(position);
});
