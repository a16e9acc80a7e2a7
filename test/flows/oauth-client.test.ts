import { createRemoteJWKSet, jwtVerify, SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateServiceKey } from '#kit/guard/service-key.ts';
import { ask, openSystem, type System } from '../system.ts';

/** What a library for OAuth finds: metadata by the issuer, and a token endpoint that takes forms. */

let system: System;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system.close());

const issuer = 'http://localhost:8080';

describe('the metadata', () => {
  test.each(['oauth-authorization-server', 'openid-configuration'])(
    '/.well-known/%s names the keys and the token endpoint, at the edge and at auth',
    async (name) => {
      for (const base of [system.edge, system.auth]) {
        const { status, json, headers } = await ask(`${base}/.well-known/${name}`, 'GET');
        expect(status).toBe(200);
        expect(json).toEqual({
          issuer,
          jwks_uri: `${issuer}/.well-known/jwks.json`,
          token_endpoint: `${issuer}/api/v1/auth/service-token`,
          grant_types_supported: ['client_credentials'],
          response_types_supported: [],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
          token_endpoint_auth_methods_supported: ['private_key_jwt'],
          token_endpoint_auth_signing_alg_values_supported: ['EdDSA'],
        });
        expect(headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
      }
    },
  );

  test('its keys verify a token', async () => {
    const { json } = await ask(`${system.edge}/.well-known/openid-configuration`, 'GET');
    const { pathname } = new URL(json.jwks_uri);
    const keys = createRemoteJWKSet(new URL(pathname, system.edge));
    const { access, id } = await system.person();
    const { payload } = await jwtVerify(access, keys, { issuer: json.issuer });
    expect(payload.sub).toBe(id);
  });
});

describe('the token endpoint', () => {
  const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  async function assertion(): Promise<string> {
    const { name, key } = system.service;
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: name, sub: name, aud: issuer, jti: randomUUID(), iat: now, exp: now + 30 };
    return system.secret(await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateServiceKey(key)));
  }

  const send = (parameters: readonly (readonly [string, string])[]) =>
    system.rest('POST', '/auth/service-token', {
      body: new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  test('takes a form, and ignores parameters that it does not know', async () => {
    const { status, json, headers } = await send([
      ['grant_type', 'client_credentials'],
      ['client_assertion_type', assertionType],
      ['client_assertion', await assertion()],
      ['client_id', system.service.name],
    ]);
    expect(status, JSON.stringify(json)).toBe(200);
    system.secret(json.access_token);
    expect(json).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['another grant', [['grant_type', 'password']], 400, 'unsupported_grant_type'],
    [
      'no assertion',
      [
        ['grant_type', 'client_credentials'],
        ['client_assertion_type', assertionType],
      ],
      400,
      'invalid_request',
    ],
    [
      'a repeated parameter',
      [
        ['grant_type', 'client_credentials'],
        ['client_assertion', 'a'],
        ['client_assertion', 'b'],
      ],
      400,
      'invalid_request',
    ],
    [
      'a wrong assertion',
      [
        ['grant_type', 'client_credentials'],
        ['client_assertion_type', assertionType],
        ['client_assertion', 'a.b.c'],
      ],
      401,
      'invalid_client',
    ],
  ] as const)('answers %s in the format of RFC 6749', async (_, parameters, status, error) => {
    const answer = await send(parameters);
    expect([answer.status, answer.json.error]).toEqual([status, error]);
    expect(Object.keys(answer.json).toSorted()).toEqual(['error', 'error_description']);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('x-request-id')).toBeTruthy();
  });

  test('answers JSON with a problem, as every method does', async () => {
    const { status, json } = await system.rest('POST', '/auth/service-token', { body: { grant_type: 'password' } });
    expect([status, json.code]).toEqual([400, 'INVALID_ARGUMENT']);
  });

  test('other methods take no form', async () => {
    const { status, json } = await system.rest('POST', '/auth/login', {
      body: 'email=a%40example.com&password=b',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([status, json.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });
});
