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

describe('revokes', () => {
  test.each([
    ['every token of a session', { case: 'sessionId', value: 'session' }, { sid: 'another' }],
    ['one token', { case: 'tokenId', value: 'token' }, { jti: 'another' }],
    ['all tokens that a key signed', { case: 'keyId', value: 'key' }, { kid: 'another' }],
  ] as const)('%s, and no other', (_, target, other) => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    expect(set.isRevoked(token())).toBe(false);
    set.add(revoked(target));
    expect(set.isRevoked(token())).toBe(true);
    expect(set.isRevoked(token(other))).toBe(false);
  });

  test('tokens of a subject issued before a time, and no later ones', () => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    set.add(revoked({ case: 'subject', value: 'ada' }, now, now));
    expect(set.isRevoked(token({ iat: now - 1 }))).toBe(true);
    expect(set.isRevoked(token({ iat: now }))).toBe(false);
    // A later entry with an earlier time changes nothing.
    set.add(revoked({ case: 'subject', value: 'ada' }, now, now - 50));
    expect(set.isRevoked(token({ iat: now - 1 }))).toBe(true);
  });

  test('tokens with a role issued before a time, and no later ones', () => {
    const set = createRevocationSet({ clock: () => now * 1_000 });
    set.add(revoked({ case: 'role', value: 'editor' }, now, now));
    expect(set.isRevoked(token({ iat: now - 1, roles: ['user', 'editor'] }))).toBe(true);
    expect(set.isRevoked(token({ iat: now, roles: ['user', 'editor'] }))).toBe(false);
    expect(set.isRevoked(token({ iat: now - 1, roles: ['user'] }))).toBe(false);
  });
});

test('throws on an unknown kind of revocation', () => {
  expect(() => createRevocationSet().add([create(RevocationSchema, { revokedAt: now })])).toThrow('unknown kind');
});

test('removes entries once all of their tokens have expired', () => {
  let time = now;
  const set = createRevocationSet({ clock: () => time * 1_000 });
  set.add(revoked({ case: 'keyId', value: 'key' }, now, 0, 90 * 86_400));
  set.add(revoked({ case: 'sessionId', value: 'session' }));
  time = now + life;
  set.add(revoked({ case: 'sessionId', value: 'next' }, time));
  expect(set.size).toBe(2);
  expect(set.isRevoked(token({ sid: 'next', kid: 'another' }))).toBe(true);
  expect(set.isRevoked(token()), 'keys stay longer').toBe(true);
});

test('evicts the oldest entry when full, and then rejects all tokens issued before it', () => {
  const set = createRevocationSet({ max: 3, clock: () => now * 1_000 });
  set.add(revoked({ case: 'keyId', value: 'stolen' }, now - 40, 0, 90 * 86_400));
  set.add(revoked({ case: 'sessionId', value: 'first' }, now - 30));
  set.add(revoked({ case: 'sessionId', value: 'second' }, now - 20));
  const bystander = token({ sid: 'bystander', iat: now - 30 });
  expect(set.isRevoked(bystander), 'at the limit').toBe(false);
  set.add(revoked({ case: 'sessionId', value: 'third' }, now - 10));
  expect(set.size).toBe(3);
  expect(set.isRevoked(token({ sid: 'first', iat: now - 60 })), 'the evicted entry').toBe(true);
  expect(set.isRevoked(bystander), 'issued before the evicted entry').toBe(true);
  expect(set.isRevoked({ ...bystander, iat: now - 29 }), 'issued after').toBe(false);
  expect(set.isRevoked(token({ sid: 'second', iat: now - 25 }))).toBe(true);
  expect(set.isRevoked(token({ kid: 'stolen', iat: now })), 'keys are never evicted').toBe(true);
});
