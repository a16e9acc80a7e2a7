import { describe, expect, test } from 'vitest';
import { cookieNames, readCookie } from './cookies.ts';

describe('the names', () => {
  test.each(['http://localhost:8080', 'http://app.localhost', 'http://127.0.0.1:8080', 'http://[::1]:8080'])(
    'on %s go without Secure and __Host-',
    (issuer) => expect(cookieNames(issuer)).toEqual({ access: 'signet_at', refresh: 'signet_rt', secure: false }),
  );

  test.each(['https://id.example.com', 'https://localhost', 'http://id.example.com', 'http://localhost.example.com'])(
    'on %s have both',
    (issuer) =>
      expect(cookieNames(issuer)).toEqual({ access: '__Host-signet_at', refresh: '__Host-signet_rt', secure: true }),
  );
});

test('reads a cookie among others, and takes an empty one for none', () => {
  const header = new Headers({ cookie: 'a=1; signet_at=token; b=2; empty=' });
  expect(readCookie(header, 'signet_at')).toBe('token');
  expect(readCookie(header, 'empty')).toBeUndefined();
  expect(readCookie(header, '__proto__')).toBeUndefined();
  expect(readCookie(new Headers(), 'signet_at')).toBeUndefined();
});
