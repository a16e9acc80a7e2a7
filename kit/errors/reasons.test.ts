import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { defineReasons, kitReasons, reasonOfCode } from './reasons.ts';

const entry = { code: Code.FailedPrecondition, status: 409, title: 'The ride is over.' };

test.each([
  ['a kit reason', { NOT_FOUND: entry }, 'NOT_FOUND is a reason of the kit'],
  ['a name in lower case', { ride_state: entry }, 'UPPER_SNAKE_CASE'],
  ['a name of 64 characters', { ['R'.repeat(64)]: entry }, 'at most 63'],
  ['a status of success', { RIDE_STATE: { ...entry, status: 399 } }, '399 is not'],
  ['a status past 5xx', { RIDE_STATE: { ...entry, status: 600 } }, '600 is not'],
  ['half a status', { RIDE_STATE: { ...entry, status: 409.5 } }, '409.5 is not'],
  ['a code that is masked', { RIDE_STATE: { ...entry, code: Code.Internal } }, 'masked as INTERNAL'],
  ['a title that is not a sentence', { RIDE_STATE: { ...entry, title: 'ride over' } }, 'not a sentence'],
])('refuses %s', (_, reasons, fault) => {
  expect(() => defineReasons(reasons)).toThrow(fault);
});

test('accepts a name of 63 characters, and the statuses 400 and 599', () => {
  const reasons = { ['R'.repeat(63)]: { ...entry, status: 400 }, RIDE_STATE: { ...entry, status: 599 } };
  expect(defineReasons(reasons)).toBe(reasons);
});

const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number');

test.each(codes.map((code) => [Code[code], code] as const))('%s has a reason of the same code', (_, code) => {
  const masked = [Code.Unknown, Code.DataLoss].includes(code);
  expect(kitReasons[reasonOfCode(code)].code).toBe(masked ? Code.Internal : code);
});
