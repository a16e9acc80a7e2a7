import { expect, test } from 'vitest';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { ProfileUpdatedSchema } from '#gen/proto/signet/events/v1/user_events_pb.ts';
import { SecretKeptSchema } from '#gen/proto/signet/test/v1/events_pb.ts';
import { listenersOf, typeOf } from './types.ts';

const named = (name: string) => ({ ...UserDeletedSchema, name });

test.each([
  ['UserDeleted', 'user.deleted'],
  ['SessionReuseDetected', 'session.reuse_detected'],
  ['EmailVerificationRequested', 'email.verification_requested'],
])('an event of the message %s has the type %s', (name, type) => {
  expect(typeOf(named(name))).toBe(type);
});

test.each(['User', 'userDeleted', 'UserV2Deleted', 'USERDeleted', 'User_Deleted', ''])(
  'a message named %j is the payload of no event',
  (name) => {
    expect(() => typeOf(named(name))).toThrow('is not the name of an event');
  },
);

test('a payload message names the services that may consume its type', () => {
  expect(listenersOf(ProfileUpdatedSchema)).toEqual(['notification']);
  expect(listenersOf(SecretKeptSchema)).toEqual([]);
});
