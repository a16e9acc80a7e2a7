import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { failure, outward, reasonOf, violationsOf } from './failure.ts';
import { kitReasons } from './reasons.ts';
import { testFailure, testReasons } from '../testing/reasons.ts';

test('a failure has its reason, fields and Retry-After', () => {
  const error = testFailure('QUEUE_FULL', {
    retryAfter: 1.2,
    fields: [{ field: 'a.b', description: 'is wrong', reason: 'WRONG' }],
  });
  expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, testReasons.QUEUE_FULL.title]);
  expect([reasonOf(error), violationsOf(error), error.metadata.get('retry-after')]).toEqual([
    'QUEUE_FULL',
    [{ field: 'a.b', description: 'is wrong', reason: 'WRONG' }],
    '2',
  ]);
});

test('a field whose service gives no reason has the reason INVALID', () => {
  const value = create(BadRequestSchema, { fieldViolations: [{ field: 'a', description: 'is wrong' }] });
  const error = new ConnectError('', Code.InvalidArgument, undefined, [{ desc: BadRequestSchema, value }]);
  expect(violationsOf(error)).toEqual([{ field: 'a', description: 'is wrong', reason: 'INVALID' }]);
});

test('a failure names at most 20 fields, each of at most 200 characters, with reasons of at most 63', () => {
  const fields = (count: number, length = 1) =>
    Array.from({ length: count }, () => ({ field: 'f'.repeat(length), description: 'is wrong', reason: 'WRONG' }));
  expect(violationsOf(failure('INVALID_ARGUMENT', { fields: fields(20) }))).toHaveLength(20);
  expect(violationsOf(failure('INVALID_ARGUMENT', { fields: fields(21) }))).toHaveLength(20);
  const [exact] = violationsOf(failure('INVALID_ARGUMENT', { fields: fields(1, 200) }));
  const [cut] = violationsOf(failure('INVALID_ARGUMENT', { fields: fields(1, 201) }));
  expect([exact?.field.length, cut?.field.length]).toEqual([200, 200]);
  for (const length of [63, 64]) {
    const field = { field: 'a', description: 'is wrong', reason: 'R'.repeat(length) };
    expect(violationsOf(failure('INVALID_ARGUMENT', { fields: [field] }))[0]?.reason).toHaveLength(63);
  }
});

test('Retry-After is at least one second', () => {
  expect(testFailure('QUEUE_FULL', { retryAfter: 0.01 }).metadata.get('retry-after')).toBe('1');
});

test.each([
  ['an Error', new Error('password=hunter2'), 'INTERNAL'],
  ['a string', 'password=hunter2', 'INTERNAL'],
  ['nothing', undefined, 'INTERNAL'],
  ['a ConnectError of unknown origin', new ConnectError('password=hunter2', Code.Unknown), 'INTERNAL'],
  ['an unreachable transport', new ConnectError('connect 10.0.0.1', Code.Unavailable), 'SERVICE_UNAVAILABLE'],
  ['a deadline', new ConnectError('late', Code.DeadlineExceeded), 'DEADLINE_EXCEEDED'],
  [
    "another system's error that was not translated",
    new ConnectError('password=hunter2', Code.ResourceExhausted, { 'x-host': '10.0.0.1' }, [
      { desc: ErrorInfoSchema, value: { reason: 'QUOTA', domain: 'googleapis.com' } },
    ]),
    'RESOURCE_EXHAUSTED',
  ],
  ['a cancelled call', new ConnectError('gone', Code.Canceled), 'CANCELLED'],
])('%s leaves as %#', (_, thrown, reason) => {
  const left = outward(thrown);
  expect(reasonOf(left)).toBe(reason);
  expect(JSON.stringify([left.message, [...left.metadata]])).not.toMatch(/hunter2|10\.0\.0\.1/);
  expect(left.cause).toBe(thrown);
});

test('a failure with a reason leaves unchanged', () => {
  const error = testFailure('TEXT_TAKEN');
  expect(outward(error)).toBe(error);
});

test('the HTTP status and the code of every reason have the same meaning', () => {
  const expected: Partial<Record<Code, number[]>> = {
    [Code.InvalidArgument]: [400, 415],
    [Code.Unauthenticated]: [401],
    [Code.PermissionDenied]: [403],
    [Code.NotFound]: [404],
    [Code.AlreadyExists]: [409],
    [Code.Aborted]: [409],
    [Code.OutOfRange]: [400],
    [Code.FailedPrecondition]: [402, 409],
    [Code.ResourceExhausted]: [413, 429, 431],
    [Code.Canceled]: [499],
    [Code.Internal]: [500],
    [Code.Unimplemented]: [405, 501],
    [Code.Unavailable]: [503],
    [Code.DeadlineExceeded]: [504],
  };
  for (const [reason, { code, status, title }] of Object.entries(kitReasons)) {
    expect(expected[code], reason).toContain(status);
    expect(title, reason).toMatch(/^[A-Z].*\.$/);
  }
});
