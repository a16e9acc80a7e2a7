import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { RevocationSchema } from '../../gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { createRevocationSet } from './revocation-set.ts';
import type { Revocable } from './revocations.ts';

const now = 1_800_000_000;
const life = 3_610;
type Target = { case: 'sessionId' | 'tokenId' | 'subject' | 'role' | 'keyId'; value: string };

function revoked(target: Target, at = now, notBefore = 0, lasts = life) {
  return [create(RevocationSchema, { target, notBefore, revokedAt: at, expiresAt: at + lasts })];
}

function token(given: Partial<Revocable> = {}): Revocable {
  return { sub: 'ada', sid: 'session', jti: 'token', kid: 'key', roles: ['user'], iat: now - 60, ...given };
}

describe('a set refuses', () => {
  test.each([
    ['every token of a session', { case: 'sessionId', value: 'session' }, { sid: 'another' }],
    ['one token', { case: 'tokenId', value: 'token' }, { jti: 'another' }],
    ['all that a key signed', { case: 'keyId', value: 'key' }, { kid: 'another' }],
  ] as const)('%s, and no other', (_, target, other) => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    expect(set.isRevoked(token())).toBe(false);
    set.add(revoked(target));
    expect(set.isRevoked(token())).toBe(true);
    expect(set.isRevoked(token(other))).toBe(false);
  });

  test('what was issued to a subject before a time, and nothing later', () => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    set.add(revoked({ case: 'subject', value: 'ada' }, now, now));
    expect(set.isRevoked(token({ iat: now - 1 }))).toBe(true);
    expect(set.isRevoked(token({ iat: now }))).toBe(false);
    // An earlier time that comes later takes nothing back.
    set.add(revoked({ case: 'subject', value: 'ada' }, now, now - 50));
    expect(set.isRevoked(token({ iat: now - 1 }))).toBe(true);
  });

  test('what has a role and was issued before a time, and nothing later', () => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    set.add(revoked({ case: 'role', value: 'editor' }, now, now));
    expect(set.isRevoked(token({ iat: now - 1, roles: ['user', 'editor'] }))).toBe(true);
    expect(set.isRevoked(token({ iat: now, roles: ['user', 'editor'] }))).toBe(false);
    expect(set.isRevoked(token({ iat: now - 1, roles: ['user'] }))).toBe(false);
  });
});

test('what it does not know it does not pass over', () => {
  expect(() => createRevocationSet().add([create(RevocationSchema, { revokedAt: now })])).toThrow('does not know');
});

test('entries are forgotten when no token that they are about can live', () => {
  let time = now;
  const set = createRevocationSet({ clock: () => time * 1_000 });
  set.add(revoked({ case: 'keyId', value: 'key' }, now, 0, 90 * 86_400));
  set.add(revoked({ case: 'sessionId', value: 'session' }));
  time = now + life;
  set.add(revoked({ case: 'sessionId', value: 'next' }, time));
  expect(set.size).toBe(2);
  expect(set.isRevoked(token({ sid: 'next', kid: 'another' }))).toBe(true);
  expect(set.isRevoked(token()), 'a key stays longer').toBe(true);
});

test('a full set lets the oldest go, and then refuses every token that it could have been about', () => {
  const set = createRevocationSet({ max: 3, clock: () => now * 1_000 });
  set.add(revoked({ case: 'keyId', value: 'stolen' }, now - 40, 0, 90 * 86_400));
  set.add(revoked({ case: 'sessionId', value: 'first' }, now - 30));
  set.add(revoked({ case: 'sessionId', value: 'second' }, now - 20));
  const bystander = token({ sid: 'bystander', iat: now - 30 });
  expect(set.isRevoked(bystander), 'at the limit').toBe(false);
  set.add(revoked({ case: 'sessionId', value: 'third' }, now - 10));
  expect(set.size).toBe(3);
  expect(set.isRevoked(token({ sid: 'first', iat: now - 60 })), 'the one that went').toBe(true);
  expect(set.isRevoked(bystander), 'issued before, so it could be').toBe(true);
  expect(set.isRevoked({ ...bystander, iat: now - 29 }), 'issued after').toBe(false);
  expect(set.isRevoked(token({ sid: 'second', iat: now - 25 }))).toBe(true);
  expect(set.isRevoked(token({ kid: 'stolen', iat: now })), 'a key never goes').toBe(true);
});
