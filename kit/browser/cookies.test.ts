import { describe, expect, test } from 'vitest';
import { cookieNames, readCookie } from './cookies.ts';

describe('the names', () => {
  test.each(['http://localhost:8080', 'http://app.localhost', 'http://127.0.0.1:8080', 'http://[::1]:8080'])(
    'on %s have neither Secure nor __Host-',
    (issuer) =>
      expect(cookieNames(issuer)).toEqual({
        access: 'signet_at',
        refresh: 'signet_rt',
        device: 'signet_device',
        secure: false,
      }),
  );

  test.each(['https://id.example.com', 'https://localhost', 'http://id.example.com', 'http://localhost.example.com'])(
    'on %s have both',
    (issuer) =>
      expect(cookieNames(issuer)).toEqual({
        access: '__Host-signet_at',
        refresh: '__Host-signet_rt',
        device: '__Host-signet_device',
        secure: true,
      }),
  );
});

const read = (cookie: string, name = 'signet_at') => readCookie(new Headers({ cookie }), name);

test('reads a cookie among others, and treats an empty one as missing', () => {
  const line = 'a=1; signet_at=token; b=2; empty=; signet_at2=x;signet_rt=\tother ';
  expect(read(line)).toBe('token');
  expect(read(line, 'signet_rt')).toBe('\tother');
  expect(read(line, 'empty')).toBeUndefined();
  expect(read(line, '__proto__')).toBeUndefined();
  expect(readCookie(new Headers(), 'signet_at')).toBeUndefined();
});

test.each([
  'signet_at=one; signet_at=two',
  'signet_at=one; b=2; signet_at=one',
  'signet_at=; signet_at=two',
  'signet_at=one;signet_at=',
])('rejects a repeated cookie: %s', (line) => expect(read(line)).toBeUndefined());

test('rejects a cookie repeated in two header lines', () => {
  const header = new Headers([
    ['cookie', 'signet_at=one'],
    ['cookie', 'signet_at=two'],
  ]);
  expect(readCookie(header, 'signet_at')).toBeUndefined();
});

test.each([
  '\u00a0signet_at=x',
  '\u00e2\u0080\u0080signet_at=x',
  'signet_at\u00a0=x',
  'SIGNET_AT=x',
  '"signet_at"=x',
  'signet_at',
])('does not match another name: %j', (line) => {
  expect(read(line)).toBeUndefined();
  expect(read(`signet_at=ours; ${line}`)).toBe('ours');
});
