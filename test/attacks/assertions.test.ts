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

// How a service proves who it is, and what its token is good for.

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
const said = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (error: unknown) => reasonOf(error) ?? String(error),
  );
const tokenOf = async (name: 'reports' | 'other') => {
  const key = privateServiceKey(name === 'reports' ? reports.key : other.key);
  return system.secret((await exchange(await signed({ ...good(), iss: name, sub: name }, { key }))).accessToken);
};

test('an assertion is good once, also where fifty come at once', async () => {
  const assertion = await signed(good());
  const answers = await Promise.all(Array.from({ length: 50 }, () => said(exchange(assertion))));
  expect(answers.filter((answer) => answer === 'OK')).toHaveLength(1);
  expect(new Set(answers)).toEqual(new Set(['OK', 'INVALID_CLIENT']));
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
const publicBytes = () => Buffer.from(reports.publicKey, 'base64url');
const publicPem = () => publicServiceKey(reports.publicKey).export({ type: 'spki', format: 'pem' }).toString();
const bad: Record<string, () => Promise<string> | string> = {
  'for another audience': () => signed({ ...good(), aud: 'https://other.test' }),
  'for us among others': () => signed({ ...good(), aud: [issuer, 'https://other.test'] }),
  'for us alone, in a list': () => signed({ ...good(), aud: [issuer] }),
  'for the audience of access tokens': () => signed({ ...good(), aud: 'signet' }),
  'for nobody': () => signed({ ...good(), aud: undefined as never }),
  'for our address with a slash': () => signed({ ...good(), aud: `${issuer}/` }),
  'that lives longer than a minute': () => signed({ ...good(), exp: now() + 90 }),
  'that lives for ever': () => signed({ ...good(), exp: undefined as never }),
  'that ends before it begins': () => signed({ ...good(), exp: now() - 1, iat: now() }),
  'that expired': () => signed({ ...good(), iat: now() - 60, exp: now() - 10 }),
  'from the future': () => signed({ ...good(), iat: now() + 60, exp: now() + 90 }),
  'made long ago': () => signed({ ...good(), iat: now() - 3_600, exp: now() + 30 }),
  'not good yet': () => signed({ ...good(), nbf: now() + 60 }),
  'without a time': () => signed({ ...good(), iat: undefined as never }),
  'without an id': () => signed({ ...good(), jti: undefined as never }),
  'with an id that is empty': () => signed({ ...good(), jti: '' }),
  'with an id that is a number': () => signed({ ...good(), jti: 7 as never }),
  'with an id that is far too long': () => signed({ ...good(), jti: 'x'.repeat(129) }),
  'with an id that no database holds': () => signed({ ...good(), jti: 'a\0b' }),
  'of another service, by its own key': () => signed(good(), { key: privateServiceKey(other.key) }),
  'for another service, by our key': () => signed({ ...good(), iss: 'other', sub: 'other' }),
  'about somebody else': () => signed({ ...good(), sub: 'other' }),
  'about a user': () => signed({ ...good(), sub: ada.id }),
  'by a user': () => signed({ ...good(), iss: ada.id, sub: ada.id }),
  'by nobody': () => signed({ ...good(), iss: '', sub: '' }),
  'by __proto__': () => signed({ ...good(), iss: '__proto__', sub: '__proto__' }),
  'by constructor': () => signed({ ...good(), iss: 'constructor', sub: 'constructor' }),
  'by a name in capitals': () => signed({ ...good(), iss: 'Reports', sub: 'Reports' }),
  'by two services': () => signed({ ...good(), iss: ['reports'] as never }),
  'of alg none': () => new UnsecuredJWT(good()).encode(),
  'of HS256 with the public key': () => signed(good(), { alg: 'HS256', key: publicBytes() }),
  'of HS256 with the public key as PEM': () => signed(good(), { alg: 'HS256', key: Buffer.from(publicPem()) }),
  'of RS256 by a key of somebody': () => signed(good(), { alg: 'RS256', key: rsa }),
  'with a key of its own in it': async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    return signed(good(), { key: privateKey, header: { jwk: publicKey.export({ format: 'jwk' }) } });
  },
  'with crit': () => {
    const parts = [{ alg: 'EdDSA', crit: ['exp'], exp: 1 }, good()].map((part) => encode(JSON.stringify(part)));
    return `${parts.join('.')}.${encode(sign(null, Buffer.from(parts.join('.')), privateServiceKey(reports.key)))}`;
  },
  'that is an access token of a user': () => ada.access,
  'that is a refresh token': () => ada.refresh,
  'that is nothing': () => 'a.b.c',
  'cut off': async () => (await signed(good())).slice(0, -4),
};

test.each(Object.entries(bad))('refuses an assertion %s', async (_, make) => {
  expect(await said(exchange(await make()))).toBe('INVALID_CLIENT');
});

test('an assertion that was refused may be made good, and refusals of a service are in the audit log once a minute', async () => {
  expect(await said(exchange(await signed(good())))).toBe('OK');
  const { rows } = await db.query(
    `SELECT count(*)::int FROM auth.audit_events WHERE kind = 'service_login' AND outcome = 'failure' AND subject_id = 'reports'`,
  );
  expect(rows).toEqual([{ count: 1 }]);
});

test("a service's own token is no user's, nor a user's a service's", async () => {
  const token = await tokenOf('other');
  const profile = (headers: Record<string, string>) =>
    said(createClient(UserService, user).getProfile({}, { headers }));
  expect(await profile({ authorization: `Bearer ${token}` })).toBe('INVALID_TOKEN');
  expect(await profile({ 'x-signet-caller': token })).toBe('TOKEN_REQUIRED');
  expect(await profile({ authorization: `Bearer ${ada.access}`, 'x-signet-caller': ada.access })).toBe(
    'CALLER_NOT_ALLOWED',
  );
  expect(await profile({ authorization: `Bearer ${ada.access}`, 'x-signet-caller': token })).toBe('OK');
  for (const path of ['/users/profile', '/auth/verify', '/admin/users'])
    expect((await system.rest('GET', path, { token })).json.code).toBe('INVALID_TOKEN');
});

test('callers are enforced: only the user service deletes an account, only services watch revocations', async () => {
  const erase = (headers: Record<string, string>) =>
    said(createClient(AccountService, auth).deleteAccount({}, { headers }));
  const [owner, token] = [`Bearer ${ada.access}`, await tokenOf('other')];
  expect(await erase({ authorization: owner })).toBe('CALLER_NOT_ALLOWED');
  expect(await erase({ authorization: owner, 'x-signet-caller': token })).toBe('CALLER_NOT_ALLOWED');
  expect(await erase({ authorization: `Bearer ${token}`, 'x-signet-caller': token })).toBe('INVALID_TOKEN');
  const watch = async (headers: Record<string, string>) => {
    for await (const _ of createClient(RevocationService, auth).watch({ sequence: '0' }, { headers })) return;
  };
  expect(await said(watch({ authorization: owner }))).toBe('CALLER_NOT_ALLOWED');
  expect(await said(watch({ 'x-signet-caller': token }))).toBe('OK');
});

test('an entry with roles is a machine and an entry without is one of the fleet: neither passes for the other', async () => {
  const audienceOf = (token: string) => decodeJwt(token).aud;
  const [machine, fleet] = [await tokenOf('reports'), await tokenOf('other')];
  expect([audienceOf(machine), audienceOf(fleet)]).toEqual(['signet', 'signet:fleet']);
  const watch = async (token: string) => {
    const headers = { 'x-signet-caller': token };
    for await (const _ of createClient(RevocationService, auth).watch({ sequence: '0' }, { headers })) return;
  };
  expect(await said(watch(fleet))).toBe('OK');
  expect(await said(watch(machine))).toBe('CALLER_NOT_ALLOWED');
  const profile = (caller: string) =>
    said(
      createClient(UserService, user).getProfile(
        {},
        { headers: { authorization: `Bearer ${ada.access}`, 'x-signet-caller': caller } },
      ),
    );
  expect([await profile(fleet), await profile(machine)]).toEqual(['OK', 'CALLER_NOT_ALLOWED']);
});

test('a machine acts in its own name, as the audit log tells, and not on what is about "me"', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('reports')}` };
  expect(await said(createClient(AdminService, auth).revokeUserSessions({ userId: ada.id }, { headers }))).toBe('OK');
  const { rows } = await db.query(`SELECT actor_id, subject_id FROM auth.audit_events WHERE kind = 'sessions_revoked'`);
  expect(rows).toEqual([{ actor_id: 'reports', subject_id: ada.id }]);
  expect(await said(createClient(UserService, user).deleteAccount({}, { headers }))).toBe('INVALID_TOKEN');
  const without = { authorization: `Bearer ${await tokenOf('other')}` };
  expect(
    await said(createClient(AdminService, auth).revokeUserSessions({ userId: ada.id }, { headers: without })),
  ).toBe('INVALID_TOKEN');
});
