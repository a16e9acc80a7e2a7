import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { ErrorInfoSchema } from '../../gen/proto/google/rpc/error_details_pb.ts';
import { invalidToken, refusal, refusalReasonOf } from './error.ts';
import { type GuardReason, guardReasons } from './reasons.ts';

test.each(Object.keys(guardReasons) as GuardReason[])('%s has its reason, status and challenge', (reason) => {
  const error = refusal(reason);
  const entry: { code: Code; title: string; challenge?: string } = guardReasons[reason];
  expect(refusalReasonOf(error)).toBe(reason);
  expect(error.code).toBe(entry.code);
  expect(error.rawMessage).toBe(entry.title);
  expect(error.metadata.get('www-authenticate')).toBe(entry.challenge ?? null);
});

test('an explicit challenge replaces the default', () => {
  const error = refusal('INSUFFICIENT_SCOPE', { headers: { 'www-authenticate': 'Bearer scope="a"' } });
  expect(error.metadata.get('www-authenticate')).toBe('Bearer scope="a"');
});

test('the reason why a token is invalid is only in the cause', () => {
  const error = invalidToken('expired');
  expect(error.cause).toEqual(new Error('expired'));
  expect(error.message).not.toContain('expired');
});

test('finds no reason in errors of other origin', () => {
  const info = (reason: string, domain: string) => ({
    desc: ErrorInfoSchema,
    value: create(ErrorInfoSchema, { reason, domain }),
  });
  const others = [
    new Error('TOKEN_REQUIRED'),
    new ConnectError('TOKEN_REQUIRED', Code.Unauthenticated),
    new ConnectError('', Code.Internal, undefined, [info('TOKEN_REQUIRED', 'elsewhere')]),
    new ConnectError('', Code.Internal, undefined, [info('toString', 'signet')]),
  ];
  expect(others.map(refusalReasonOf)).toEqual([undefined, undefined, undefined, undefined]);
});
