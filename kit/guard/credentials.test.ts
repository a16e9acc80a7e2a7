import { expect, test } from 'vitest';
import { maxTokenLength } from './canonical.ts';
import { bearerToken, callerToken } from './credentials.ts';
import { refusalReasonOf } from './error.ts';

const token = 'abc.def.ghi';
const of = (value: string) => ({ get: () => value });

test.each([
  ['Bearer abc.def.ghi', token],
  ['bearer abc.def.ghi', token],
  ['BEARER   abc.def.ghi', token],
  [' \t Bearer abc.def.ghi \t ', token],
  ['Bearer', undefined],
  ['Bearer ', undefined],
  ['Bearerabc.def.ghi', undefined],
  ['Bearer\tabc.def.ghi', undefined],
  ['Basic abc.def.ghi', undefined],
  ['', undefined],
  ['   ', undefined],
  // Other whitespace is part of the value, which the verifier rejects.
  ['Bearer abc.def.ghi\u00a0', `${token}\u00a0`],
])('reads %j as the token %j', (value, expected) => {
  expect(bearerToken(of(value))).toBe(expected);
});

test('refuses two credentials', () => {
  expect(reasonIn(() => bearerToken(of('Bearer a, Bearer b')))).toBe('INVALID_TOKEN');
});

test('refuses a header longer than the longest token with its scheme', () => {
  const longest = `Bearer ${'a'.repeat(maxTokenLength + 64 - 'Bearer '.length)}`;
  expect(bearerToken(of(longest))).toHaveLength(maxTokenLength + 57);
  expect(reasonIn(() => bearerToken(of(`${longest}a`)))).toBe('INVALID_TOKEN');
  expect(reasonIn(() => callerToken(of(`${longest}a`)))).toBe('INVALID_TOKEN');
});

function reasonIn(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return refusalReasonOf(error);
  }
}
