import { createClient, type Transport } from '@connectrpc/connect';
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { decodeJwt, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { RevocationService } from '#gen/proto/signet/auth/v1/revocation_service_pb.ts';
import { ServiceTokenService } from '#gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { privateServiceKey } from '#kit/guard/service-key.ts';
import { generateServiceKey, publicServiceKey } from '#kit/identity/service-key.ts';
import { openSystem, type Person, type System } from '../system.ts';
import { encode } from './rig.ts';

// How a service authenticates with an assertion, and what its token permits.

const issuer = 'http://localhost:8080';
const [reports, other] = [generateServiceKey(), generateServiceKey()];
let system: System;
let auth: GrpcTransport;
let user: GrpcTransport;
let db: Client;
let ada: Person;
beforeAll(async () => {
  const entry = ({ publicKey }: typeof reports, name: string, roles = '') => `${name}=${publicKey}${roles}`;
  system = await openSystem({
    env: { SIGNET_SERVICES: [entry(reports, 'reports', ':admin'), entry(other, 'other')].join() },
  });
  auth = createGrpcTransport(`127.0.0.1:${system.authGrpcPort}`, [
    ServiceTokenService,
    AdminService,
    AccountService,
    RevocationService,
  ]);
  user = createGrpcTransport(`127.0.0.1:${system.userPort}`, [UserService]);
  db = new Client(connection(system.database.url));
  await db.connect();
  ada = await system.person();
});
afterAll(async () => {
  auth.close();
  user.close();
  await db.end();
  await system.close();
});

const now = () => Math.floor(Date.now() / 1_000);
const good = (): JWTPayload => ({
  iss: 'reports',
  sub: 'reports',
  aud: issuer,
  jti: randomUUID(),
  iat: now(),
  exp: now() + 30,
});
type Signing = { readonly key?: KeyObject | Uint8Array; readonly alg?: string; readonly header?: object };
const signed = (
  claims: JWTPayload,
  { key = privateServiceKey(reports.key), alg = 'EdDSA', header = {} }: Signing = {},
) => new SignJWT(JSON.parse(JSON.stringify(claims))).setProtectedHeader({ ...header, alg }).sign(key);

const exchange = (clientAssertion: string, transport: Transport = auth) =>
  createClient(ServiceTokenService, transport).issueServiceToken({
    grantType: 'client_credentials',
    clientAssertionType: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    clientAssertion,
  });
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: unknown) => reasonOf(error) ?? String(error),
  );
const tokenOf = async (name: 'reports' | 'other') => {
  const key = privateServiceKey(name === 'reports' ? reports.key : other.key);
  return system.secret((await exchange(await signed({ ...good(), iss: name, sub: name }, { key }))).accessToken);
};

test('of fifty concurrent uses of an assertion, one succeeds', async () => {
  const assertion = await signed(good());
  const answers = await Promise.all(Array.from({ length: 50 }, () => outcomeOf(exchange(assertion))));
  expect(answers.filter((answer) => answer === 'OK')).toHaveLength(1);
  expect(new Set(answers)).toEqual(new Set(['OK', 'INVALID_CLIENT']));
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
const publicBytes = () => Buffer.from(reports.publicKey, 'base64url');
const publicPem = () => publicServiceKey(reports.publicKey).export({ type: 'spki', format: 'pem' }).toString();
const bad: Record<string, () => Promise<string> | string> = {
  'for another audience': () => signed({ ...good(), aud: 'https://other.test' }),
  'for Signet among others': () => signed({ ...good(), aud: [issuer, 'https://other.test'] }),
  'for Signet alone, in a list': () => signed({ ...good(), aud: [issuer] }),
  'for the audience of access tokens': () => signed({ ...good(), aud: 'signet' }),
  'without an audience': () => signed({ ...good(), aud: undefined as never }),
  'for the issuer with a trailing slash': () => signed({ ...good(), aud: `${issuer}/` }),
  'valid for longer than a minute': () => signed({ ...good(), exp: now() + 90 }),
  'without an expiry': () => signed({ ...good(), exp: undefined as never }),
  'that expires before it is issued': () => signed({ ...good(), exp: now() - 1, iat: now() }),
  'that expired': () => signed({ ...good(), iat: now() - 60, exp: now() - 10 }),
  'from the future': () => signed({ ...good(), iat: now() + 60, exp: now() + 90 }),
  'issued long ago': () => signed({ ...good(), iat: now() - 3_600, exp: now() + 30 }),
  'not yet valid': () => signed({ ...good(), nbf: now() + 60 }),
  'without an issue time': () => signed({ ...good(), iat: undefined as never }),
  'without an id': () => signed({ ...good(), jti: undefined as never }),
  'with an empty id': () => signed({ ...good(), jti: '' }),
  'with a numeric id': () => signed({ ...good(), jti: 7 as never }),
  'with an id that is too long': () => signed({ ...good(), jti: 'x'.repeat(129) }),
  'with NUL in the id': () => signed({ ...good(), jti: 'a\0b' }),
  'signed by the key of another service': () => signed(good(), { key: privateServiceKey(other.key) }),
  'of another service, signed by this key': () => signed({ ...good(), iss: 'other', sub: 'other' }),
  'with another subject': () => signed({ ...good(), sub: 'other' }),
  'with a user as subject': () => signed({ ...good(), sub: ada.id }),
  'issued by a user': () => signed({ ...good(), iss: ada.id, sub: ada.id }),
  'with an empty issuer': () => signed({ ...good(), iss: '', sub: '' }),
  'issued by __proto__': () => signed({ ...good(), iss: '__proto__', sub: '__proto__' }),
  'issued by constructor': () => signed({ ...good(), iss: 'constructor', sub: 'constructor' }),
  'issued by a name in another case': () => signed({ ...good(), iss: 'Reports', sub: 'Reports' }),
  'with a list as issuer': () => signed({ ...good(), iss: ['reports'] as never }),
  'with alg none': () => new UnsecuredJWT(good()).encode(),
  'signed with HS256 under the public key': () => signed(good(), { alg: 'HS256', key: publicBytes() }),
  'signed with HS256 under the public key as PEM': () =>
    signed(good(), { alg: 'HS256', key: Buffer.from(publicPem()) }),
  'signed with RS256 by an unknown key': () => signed(good(), { alg: 'RS256', key: rsa }),
  'with an embedded key': async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return signed(good(), { key: privateKey, header: { jwk: publicKey.export({ format: 'jwk' }) } });
  },
  'with crit': () => {
    const parts = [{ alg: 'EdDSA', crit: ['exp'], exp: 1 }, good()].map((part) => encode(JSON.stringify(part)));
    return `${parts.join('.')}.${encode(sign(null, Buffer.from(parts.join('.')), privateServiceKey(reports.key)))}`;
  },
  'that is an access token of a user': () => ada.access,
  'that is a refresh token': () => ada.refresh,
  'without valid segments': () => 'a.b.c',
  'that is truncated': async () => (await signed(good())).slice(0, -4),
};

test.each(Object.entries(bad))('refuses an assertion %s', async (_, make) => {
  expect(await outcomeOf(exchange(await make()))).toBe('INVALID_CLIENT');
});

test('a refused assertion does not use up its id, and the audit log records refusals of a service once a minute', async () => {
  expect(await outcomeOf(exchange(await signed(good())))).toBe('OK');
  const { rows } = await db.query(
    `SELECT count(*)::int FROM auth.audit_events WHERE kind = 'service_login' AND outcome = 'failure' AND subject_id = 'reports'`,
  );
  expect(rows).toEqual([{ count: 1 }]);
});

test('a service token is not accepted as a user token, nor a user token as a service token', async () => {
  const token = await tokenOf('other');
  const profile = (headers: Record<string, string>) =>
    outcomeOf(createClient(UserService, user).getProfile({}, { headers }));
  expect(await profile({ authorization: `Bearer ${token}` })).toBe('INVALID_TOKEN');
  expect(await profile({ 'x-signet-caller': token })).toBe('TOKEN_REQUIRED');
  expect(await profile({ authorization: `Bearer ${ada.access}`, 'x-signet-caller': ada.access })).toBe(
    'CALLER_NOT_ALLOWED',
  );
  expect(await profile({ authorization: `Bearer ${ada.access}`, 'x-signet-caller': token })).toBe('OK');
  for (const path of ['/users/profile', '/auth/verify', '/admin/users'])
    expect((await system.rest('GET', path, { token })).json.code).toBe('INVALID_TOKEN');
});

test('only the user service can delete an account, and only services can watch revocations', async () => {
  const erase = (headers: Record<string, string>) =>
    outcomeOf(createClient(AccountService, auth).deleteAccount({}, { headers }));
  const [owner, token] = [`Bearer ${ada.access}`, await tokenOf('other')];
  expect(await erase({ authorization: owner })).toBe('CALLER_NOT_ALLOWED');
  expect(await erase({ authorization: owner, 'x-signet-caller': token })).toBe('CALLER_NOT_ALLOWED');
  expect(await erase({ authorization: `Bearer ${token}`, 'x-signet-caller': token })).toBe('INVALID_TOKEN');
  const watch = async (headers: Record<string, string>) => {
    for await (const _ of createClient(RevocationService, auth).watch({ sequence: '0' }, { headers })) return;
  };
  expect(await outcomeOf(watch({ authorization: owner }))).toBe('CALLER_NOT_ALLOWED');
  expect(await outcomeOf(watch({ 'x-signet-caller': token }))).toBe('OK');
});

test('a machine token is not accepted as a service token, nor a service token as a machine token', async () => {
  const audienceOf = (token: string) => decodeJwt(token).aud;
  const [machine, fleet] = [await tokenOf('reports'), await tokenOf('other')];
  expect([audienceOf(machine), audienceOf(fleet)]).toEqual(['signet', 'signet:fleet']);
  const watch = async (token: string) => {
    const headers = { 'x-signet-caller': token };
    for await (const _ of createClient(RevocationService, auth).watch({ sequence: '0' }, { headers })) return;
  };
  expect(await outcomeOf(watch(fleet))).toBe('OK');
  expect(await outcomeOf(watch(machine))).toBe('CALLER_NOT_ALLOWED');
  const profile = (caller: string) =>
    outcomeOf(
      createClient(UserService, user).getProfile(
        {},
        { headers: { authorization: `Bearer ${ada.access}`, 'x-signet-caller': caller } },
      ),
    );
  expect([await profile(fleet), await profile(machine)]).toEqual(['OK', 'CALLER_NOT_ALLOWED']);
});

test('a machine acts under its own name in the audit log and cannot call methods about the current user', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('reports')}` };
  expect(await outcomeOf(createClient(AdminService, auth).revokeUserSessions({ userId: ada.id }, { headers }))).toBe(
    'OK',
  );
  const { rows } = await db.query(`SELECT actor_id, subject_id FROM auth.audit_events WHERE kind = 'sessions_revoked'`);
  expect(rows).toEqual([{ actor_id: 'reports', subject_id: ada.id }]);
  expect(await outcomeOf(createClient(UserService, user).deleteAccount({}, { headers }))).toBe('INVALID_TOKEN');
  const without = { authorization: `Bearer ${await tokenOf('other')}` };
  expect(
    await outcomeOf(createClient(AdminService, auth).revokeUserSessions({ userId: ada.id }, { headers: without })),
  ).toBe('INVALID_TOKEN');
});
