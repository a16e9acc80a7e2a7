import { expect, test } from 'vitest';
import { isCountry } from './countries.ts';

test.each(['AD', 'DE', 'GB', 'US', 'ZW'])('%s is a country', (code) => expect(isCountry(code)).toBe(true));

test.each(['', 'de', 'UK', 'EU', 'ZZ', 'XK', 'DEU', 'constructor'])('"%s" is no country', (code) =>
  expect(isCountry(code)).toBe(false),
);
