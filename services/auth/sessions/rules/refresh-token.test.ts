import { createHmac, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { Secret } from '#kit/log/secret.ts';
import { formatRefreshToken, type InnerMac, parseRefreshToken } from './refresh-token.ts';

const key = randomBytes(32);
const inner: InnerMac = (text) => createHmac('sha256', key).update(text).digest();
const secret = new Secret(new Uint8Array(randomBytes(32)));
const session = uuidv7();

test('formats the same token for the same counter, and a different one for any other', () => {
  const token = formatRefreshToken(inner, session, 7, secret);
  expect(formatRefreshToken(inner, session, 7, secret)).toBe(token);
  const others = [
    formatRefreshToken(inner, session, 8, secret),
    formatRefreshToken(inner, uuidv7(), 7, secret),
    formatRefreshToken(inner, session, 7, new Secret(new Uint8Array(32))),
    formatRefreshToken((text) => createHmac('sha256', 'another').update(text).digest(), session, 7, secret),
  ];
  const macs = [token, ...others].map((one) => one.split('.')[3]);
  expect(new Set(macs).size).toBe(5);
});

test('parses formatted tokens', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), (counter) => {
      const parsed = parseRefreshToken(formatRefreshToken(inner, session, counter, secret));
      expect(parsed).toMatchObject({ sessionId: session, counter });
    }),
  );
});

test('rejects non-canonical tokens', () => {
  const token = formatRefreshToken(inner, session, 12, secret);
  const [version, sid = '', counter, mac = ''] = token.split('.');
  const last = mac.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const sameBits = alphabet[alphabet.indexOf(last) ^ 1] ?? '';
  for (const spelling of [
    `${token} `,
    ` ${token}`,
    `${token}\n`,
    `${token}=`,
    `${version}.${sid.toUpperCase()}.${counter}.${mac}`,
    `${version}.${sid}.012.${mac}`,
    `${version}.${sid}.+12.${mac}`,
    `${version}.${sid}.-1.${mac}`,
    `${version}.${sid}.1e1.${mac}`,
    `${version}.${sid}.1000000000.${mac}`,
    `${version}.${sid}.${counter}.${mac.slice(0, -1)}${sameBits}`,
    `${version}.${sid}.${counter}.${mac}A`,
    `${version}.${sid}.${counter}.`,
    `sr2.${sid}.${counter}.${mac}`,
    `${version}.${sid}.${counter}.${mac}.`,
    '',
  ]) {
    expect(parseRefreshToken(spelling), spelling).toBeUndefined();
  }
});

test('does not throw on any input', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseRefreshToken(text)).toBeUndefined();
    }),
  );
});
