import { describe, expect, test } from 'vitest';
import { differenceOf, missingLine } from './compare.ts';

const json = (expected: unknown, actual: unknown) =>
  differenceOf({ kind: 'json', text: JSON.stringify(expected) }, JSON.stringify(actual));

const id = '018f0000-0000-7000-8000-000000000000';

describe('JSON', () => {
  test.each([
    ['the same value with another layout and order', { a: 1, b: [true, null] }, { b: [true, null], a: 1 }],
    ['another UUIDv7', { id }, { id: '01a202fd-104f-7295-a4e9-15a570ec97cd' }],
    ['another time', { at: '2026-01-01T00:00:00Z' }, { at: '2031-12-31T23:59:59.123Z' }],
    ['other seconds since 1970', { exp: 1_700_000_000 }, { exp: 1_900_000_000 }],
    ['any text in place of the dots', { token: 'eyJ...' }, { token: 'eyJhbGciOi' }],
  ])('accepts %s', (_, expected, actual) => {
    expect(json(expected, actual)).toBeUndefined();
  });

  test.each([
    ['another value', { a: 'x' }, { a: 'y' }, 'a: expected "x"'],
    ['another number', { expires_in: 900 }, { expires_in: 901 }, 'expires_in'],
    ['a missing field', { a: 1, b: 2 }, { a: 1 }, 'b: expected 2'],
    ['an additional field', { a: 1 }, { a: 1, b: 2 }, 'b: expected undefined'],
    ['an additional element', { a: [1] }, { a: [1, 2] }, 'a.1'],
    ['an object instead of a list', { a: [] }, { a: {} }, 'a: expected []'],
    ['a text instead of an id', { id }, { id: 'none' }, 'id'],
    ['a UUID of another version', { id }, { id: '01a202fd-104f-4295-a4e9-15a570ec97cd' }, 'id'],
    ['nothing in place of the dots', { token: 'eyJ...' }, { token: 'eyJ' }, 'token'],
    ['another text before the dots', { token: 'eyJ...' }, { token: 'abc' }, 'token'],
  ])('refuses %s', (_, expected, actual, where) => {
    expect(json(expected, actual)).toContain(where);
  });

  test('refuses what is not JSON', () => {
    expect(differenceOf({ kind: 'json', text: '{}' }, 'curl: (7)')).toContain('curl: (7)');
  });
});

describe('text', () => {
  const text = (output: string) => differenceOf({ kind: 'text', text: 'one\ntw...\n' }, output);

  test('accepts the same lines, and any text in place of the dots', () => {
    expect(text('one\ntwo\n')).toBeUndefined();
  });

  test.each([
    ['a missing line', 'one\n', 'line 2'],
    ['an additional line', 'one\ntwo\nthree\n', 'line 3'],
    ['another line', 'one\nthree\n', 'line 2'],
  ])('refuses %s', (_, output, where) => {
    expect(text(output)).toContain(where);
  });
});

test('a head must contain the expected lines, with case-insensitive names', () => {
  const head = 'HTTP/1.1 200 OK\r\nX-Request-Id: abc\r\nDate: now\r\n';
  expect(differenceOf({ kind: 'http', text: 'HTTP/1.1 200 OK\nx-request-id: ...\n' }, head)).toBeUndefined();
  expect(differenceOf({ kind: 'http', text: 'etag: ...\n' }, head)).toContain('etag');
});

test('a command without a documented output must have none', () => {
  expect(differenceOf(undefined, '\n')).toBeUndefined();
  expect(differenceOf(undefined, 'oops')).toContain('oops');
});

test('finds lines in order', () => {
  expect(missingLine('a\nc ...', 'x\na\nb\nc 1\n')).toBeUndefined();
  expect(missingLine('c ...\na', 'x\na\nb\nc 1\n')).toBe('a');
});
