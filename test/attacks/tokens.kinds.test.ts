import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, ask } from '../system.ts';
import { openRig, type Rig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig.close());

/** Every kind of token. */
const kinds = {
  access: () => rig.login.access_token,
  refresh: () => rig.login.refresh_token,
  csrf: () => rig.login.csrf_token,
  caller() {
    const { iss, iat, exp, jti } = rig.claims();
    return rig.mint({ iss, aud: 'signet:fleet', iat, exp, jti, sub: 'order', client_id: 'order' });
  },
  machine() {
    const { iss, aud, iat, exp, jti } = rig.claims();
    return rig.mint({ iss, aud, iat, exp, jti, sub: 'order', client_id: 'order', roles: ['admin'], scope: '' });
  },
} as const;
type Kind = keyof typeof kinds;

const rest = (method: string, path: string, options: Parameters<typeof ask>[2]) =>
  ask(`${rig.edge}/api/v1${path}`, method, options);

/** Every place that accepts a token: its kind, and whether the token was accepted. */
const places: Record<
  string,
  { accepts: Kind; status: number; send: (token: string) => Promise<Answer>; isAccepted: (answer: Answer) => boolean }
> = {
  'Authorization of the profile': {
    accepts: 'access',
    status: 401,
    send: (token) => rest('GET', '/users/profile', { token }),
    isAccepted: ({ status }) => status === 200,
  },
  'Authorization of verify': {
    accepts: 'access',
    status: 401,
    send: (token) => rest('GET', '/auth/verify', { token }),
    isAccepted: ({ status }) => status === 200,
  },
  'Authorization of logout': {
    accepts: 'access',
    status: 401,
    // Uses a second session for a valid token, because the logout ends it.
    send: async (token) =>
      rest('POST', '/auth/logout', { body: {}, token: token === kinds.access() ? await another() : token }),
    isAccepted: ({ status }) => status === 200,
  },
  'the cookie of access tokens': {
    accepts: 'access',
    status: 401,
    send: (token) => rest('GET', '/users/profile', { headers: { cookie: `signet_at=${token}` } }),
    isAccepted: ({ status }) => status === 200,
  },
  'the body of refresh': {
    accepts: 'refresh',
    // Either too long for a refresh token or invalid.
    status: 401,
    send: (token) => rest('POST', '/auth/refresh', { body: { refresh_token: token } }),
    isAccepted: ({ status }) => status === 200,
  },
  'the cookie of refresh tokens': {
    accepts: 'refresh',
    status: 401,
    send: (token) =>
      rest('POST', '/auth/refresh', {
        body: {},
        headers: { cookie: `signet_rt=${token}`, 'x-csrf-token': rig.login.csrf_token },
      }),
    isAccepted: ({ status }) => status === 200,
  },
  'X-CSRF-Token': {
    accepts: 'csrf',
    status: 200,
    send: (token) => rest('GET', '/auth/verify', { token: rig.login.access_token, headers: { 'x-csrf-token': token } }),
    isAccepted: ({ json }) => json.csrf_valid === true,
  },
};

async function another(): Promise<string> {
  const { email, password } = rig.login;
  return (await rest('POST', '/auth/login', { body: { email, password } })).json.access_token;
}

describe.each(Object.entries(places))('%s', (_, { accepts, status, send, isAccepted }) => {
  test.each(Object.keys(kinds) as Kind[])('accepts only its own kind: %s', async (kind) => {
    const answer = await send(kinds[kind]());
    expect(isAccepted(answer), answer.text).toBe(kind === accepts);
    // A JWT exceeds the length of a refresh token, which validation reports first.
    const isTooLong = accepts === 'refresh' && answer.json.code === 'INVALID_ARGUMENT';
    expect(answer.status).toBe(kind === accepts ? 200 : isTooLong ? 400 : status);
  });
});

describe('X-Signet-Caller', () => {
  const call = (caller: string) =>
    new Promise<number>((resolve) => {
      const client = new Client(rig.userTarget, credentials.createInsecure());
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${rig.login.access_token}`);
      metadata.set('x-signet-caller', caller);
      const raw = (bytes: Buffer) => bytes;
      const path = '/signet.user.v1.UserService/GetProfile';
      const sent = client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), metadata, () => client.close());
      sent.on('status', ({ code }: StatusObject) => resolve(code));
    });

  test.each(Object.keys(kinds) as Kind[])('accepts only its own kind at a service: %s', async (kind) => {
    expect(await call(kinds[kind]())).toBe(kind === 'caller' ? 0 : 7);
  });

  test.each(Object.keys(kinds) as Kind[])('is ignored at the edge: %s', async (kind) => {
    const headers = { 'x-signet-caller': kinds[kind]() };
    expect((await rest('GET', '/users/profile', { token: rig.login.access_token, headers })).status).toBe(200);
    expect((await rest('GET', '/users/profile', { headers })).status).toBe(401);
  });
});
