import { expect, test } from 'vitest';
import { isEmail, normalizeEmail } from './email.ts';

test.each([
  ['spaces around it', ' Ada@Example.com\t', 'ada@example.com'],
  ['full-width letters', 'ａｄａ@example.com', 'ada@example.com'],
  ['an internationalized domain', 'ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
  ['the same in ASCII', 'ada@xn--bcher-kva.example', 'ada@xn--bcher-kva.example'],
  ['a decomposed one', 'ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
  ['a full-width dot', 'ada@example。com', 'ada@example.com'],
  ['a number as domain', 'ada@0x7f.1', 'ada@0x7f.1'],
])('%s: one account, one form', (_, written, normalized) => {
  expect(normalizeEmail(written)).toBe(normalized);
  expect(normalizeEmail(normalized)).toBe(normalized);
  expect(isEmail(normalized)).toBe(true);
});

test.each(['', 'ada', '@example.com', 'ada@', 'a b@example.com', 'ada@ex ample.com', 'ädа@example.com', 'ada@\u00ad'])(
  '%j is no email',
  (text) => {
    expect(isEmail(normalizeEmail(text))).toBe(false);
  },
);

test('254 characters are the most, also after the domain has grown', () => {
  const of = (length: number) => `${'a'.repeat(length - 12)}@example.com`;
  expect([isEmail(of(254)), isEmail(of(255))]).toEqual([true, false]);
  expect(isEmail(normalizeEmail(`${'a'.repeat(240)}@büche.example`))).toBe(false);
});
