import { expect, test } from 'vitest';
import { isPrivateHost, safeUrl } from './plain-http.ts';

const hostOf = (authority: string) => new URL(`http://${authority}/`).hostname;

test.each([
  'localhost',
  'localhost:8081',
  'app.localhost',
  '127.0.0.1',
  '127.255.255.255',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.1.1',
  '100.64.0.1',
  '[fd00::1]',
  '[fe80::1]',
  'auth',
  'auth.signet.svc',
  'auth.signet.svc.cluster.local',
  'auth.prod.internal',
  'AUTH',
  // Other forms of 127.0.0.1 (WHATWG URL).
  '0x7f.1',
  '2130706433',
])('%s is on this machine or a private network', (authority) => {
  expect(isPrivateHost(hostOf(authority))).toBe(true);
});

test.each([
  'example.com',
  'localhost.example.com',
  'internal.example.com',
  '8.8.8.8',
  '172.15.255.255',
  '172.32.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '11.0.0.1',
  '[2001:db8::1]',
  '[::ffff:8.8.8.8]',
  '127.0.0.1.example.com',
])('%s is not', (authority) => {
  expect(isPrivateHost(hostOf(authority))).toBe(false);
});

test('accepts https everywhere, http on private hosts or with insecureHttp', () => {
  expect(safeUrl('It', 'https://example.com/').href).toBe('https://example.com/');
  expect(safeUrl('It', 'http://auth:9081').href).toBe('http://auth:9081/');
  expect(safeUrl('It', 'http://example.com', true).href).toBe('http://example.com/');
  expect(() => safeUrl('It', 'http://example.com')).toThrow('It is http:// to a public host');
});
