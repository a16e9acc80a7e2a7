import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { fromStatus, toStatus } from '#kit/guard/grpc-metadata.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { httpStatusOf, infoOf, metadataOf, withoutHttpStatus } from './error-info.ts';
import { failure, reasonOf, violationsOf } from './failure.ts';

function error(code: Code, reason: string, domain: string, metadata: Record<string, string> = {}): ConnectError {
  const value = create(ErrorInfoSchema, { reason, domain, metadata });
  return new ConnectError('said', code, undefined, [{ desc: ErrorInfoSchema, value }]);
}

test.each([
  ['a reason of another domain', Code.FailedPrecondition, 'RIDE_STATE', 'rides.example.com', 'RIDE_STATE'],
  ['a service reason in the domain signet', Code.FailedPrecondition, 'RIDE_STATE', 'signet', 'RIDE_STATE'],
  ["the guard's reason in our domain", Code.Unauthenticated, 'INVALID_TOKEN', 'signet', 'INVALID_TOKEN'],
])('trusts %s', (_, code, reason, domain, believed) => {
  expect(reasonOf(error(code, reason, domain))).toBe(believed);
});

test.each([
  ["the guard's reason in another domain", Code.Unauthenticated, 'INVALID_TOKEN', 'rides.example.com'],
  ["the transport's reason in another domain", Code.Unavailable, 'SERVICE_UNAVAILABLE', ''],
  ["a kit's reason with another code", Code.NotFound, 'INVALID_TOKEN', 'signet'],
  ['any reason of an internal error', Code.Internal, 'RIDE_STATE', 'signet'],
  ['any reason of an unknown error', Code.Unknown, 'RIDE_STATE', 'signet'],
  ['any reason of lost data', Code.DataLoss, 'RIDE_STATE', 'signet'],
  ['text that is not a reason', Code.NotFound, 'no such ride: 7', 'signet'],
  ['no text', Code.NotFound, '', 'signet'],
  ["a name of an object's prototype", Code.NotFound, 'constructor', 'signet'],
])('does not trust %s', (_, code, reason, domain) => {
  expect(reasonOf(error(code, reason, domain))).toBeUndefined();
});

test.each([
  ['400', 400],
  ['599', 599],
  ['399', 404],
  ['600', 404],
  ['200', 404],
  ['4e2.5', 404],
  ['', 404],
])('reads the HTTP status %j as %i, with a code of 404', (given, status) => {
  expect(httpStatusOf(error(Code.NotFound, 'RIDE_GONE', 'x', { http_status: given }))).toBe(status);
});

test("ignores the metadata's HTTP status for a reason of the kit", () => {
  expect(httpStatusOf(error(Code.NotFound, 'NOT_FOUND', 'signet', { http_status: '500' }))).toBe(404);
});

test('removes only the HTTP status, of a local or received error', () => {
  const made = testFailure('CARD_DECLINED', {
    metadata: { payment_id: 'p' },
    fields: [{ field: 'a', description: 'is wrong', reason: 'WRONG' }],
    retryAfter: 2,
    cause: 'why',
  });
  for (const given of [made, fromStatus(toStatus(made))]) {
    const left = withoutHttpStatus(given);
    expect(infoOf(given)?.metadata).toEqual({ payment_id: 'p', http_status: '402' });
    expect(infoOf(left)?.metadata).toEqual({ payment_id: 'p' });
    expect([left.code, left.rawMessage, reasonOf(left)]).toEqual([given.code, given.rawMessage, 'CARD_DECLINED']);
    expect(violationsOf(left)).toEqual([{ field: 'a', description: 'is wrong', reason: 'WRONG' }]);
    expect([left.metadata.get('retry-after'), left.cause]).toEqual(['2', given.cause]);
  }
});

test('does not change an error without an HTTP status', () => {
  const plain = failure('NOT_FOUND');
  expect(withoutHttpStatus(plain)).toBe(plain);
  const value = create(BadRequestSchema, {});
  const other = new ConnectError('', Code.NotFound, undefined, [{ desc: BadRequestSchema, value }]);
  expect(withoutHttpStatus(other)).toBe(other);
});

test('returns the metadata without the HTTP status', () => {
  expect(metadataOf(undefined)).toEqual({});
  expect(metadataOf(infoOf(testFailure('TEXT_TAKEN', { metadata: { id: '7', http_status: '500' } })))).toEqual({
    id: '7',
  });
});
