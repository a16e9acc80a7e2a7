import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WatchResponseSchema } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { encode, withEncoded } from './encoded.ts';

const revocations = ['one', 'two'].map((value) => ({ target: { case: 'sessionId' as const, value }, expiresAt: 9 }));
const part = toBinary(WatchResponseSchema, create(WatchResponseSchema, { revocations }));
const head = { history: 'h', sequence: '2', current: true };
const whole = create(WatchResponseSchema, { ...head, revocations });
const make = (bytes = part) =>
  withEncoded(WatchResponseSchema, create(WatchResponseSchema, head), 'revocations', bytes);

test('a message with an encoded part is on the wire what the whole message is', () => {
  expect(fromBinary(WatchResponseSchema, encode(WatchResponseSchema, make()))).toEqual(whole);
  expect(encode(WatchResponseSchema, whole)).toEqual(Buffer.from(toBinary(WatchResponseSchema, whole)));
});

test('readers that need the field have it: code, JSON, and an encoder that does not know of the part', () => {
  const message = make();
  expect(message.revocations).toEqual(whole.revocations);
  expect(message.revocations, 'decoded once').toBe(message.revocations);
  expect(toJson(WatchResponseSchema, message)).toEqual(toJson(WatchResponseSchema, whole));
  expect(toBinary(WatchResponseSchema, message)).toEqual(toBinary(WatchResponseSchema, whole));
});

test('the part is written as it is, and decoded only where the field is read', () => {
  const invalid = Uint8Array.of(0x2a, 0x7f);
  const message = make(invalid);
  expect(encode(WatchResponseSchema, message).subarray(-2)).toEqual(Buffer.from(invalid));
  expect(() => message.revocations).toThrow('premature EOF');
});
