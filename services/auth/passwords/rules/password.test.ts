import { ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { acceptPassword, normalizePassword } from './password.ts';

const about = { email: 'ada@example.com', name: 'Ada Lovelace' };

function refusal(password: string, min = 8): string | undefined {
  try {
    acceptPassword(password, min, about);
    return undefined;
  } catch (error) {
    const failed = ConnectError.from(error);
    return reasonOf(failed) === 'PASSWORD_REJECTED' ? violationsOf(failed)[0]?.description : failed.message;
  }
}

describe('length', () => {
  test.each([
    [7, 'must have at least 8 characters'],
    [8, undefined],
    [256, undefined],
    [257, 'must have at most 256 characters'],
  ])('%i characters: %s', (length, expected) => expect(refusal('x'.repeat(length))).toBe(expected));

  test('counts code points, not UTF-16 units', () => {
    expect(refusal('😀'.repeat(7))).toBe('must have at least 8 characters');
    expect(refusal('😀'.repeat(256))).toBeUndefined();
  });

  test('counts after normalization', () => {
    expect(refusal('e\u0301'.repeat(7))).toBe('must have at least 8 characters');
    expect(refusal('e\u0301'.repeat(256))).toBeUndefined();
  });

  test('has a configurable minimum', () => {
    expect(refusal('x'.repeat(14), 15)).toBe('must have at least 15 characters');
    expect(refusal('x'.repeat(15), 15)).toBeUndefined();
  });
});

test.each(['ada@example.com', 'ADA@EXAMPLE.COM', 'Ada Lovelace', 'ada lovelace'])(
  'refuses the email and the name: %s',
  (password) => {
    expect(refusal(password)).toMatch(/must not be your (email|name)/);
  },
);

test('normalizes equivalent texts to the same password', () => {
  expect(normalizePassword('caf\u0065\u0301 au lait')).toBe(normalizePassword('caf\u00e9 au lait'));
});
