import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { openSystem, type System } from '../system.ts';

let system: System;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system.close());

describe('over REST', () => {
  test('a user registers, signs in, reads and updates the profile, refreshes and signs out', async () => {
    const password = system.secret('correct horse battery');
    const registered = await system.rest('POST', '/auth/register', {
      body: { email: 'Ada@Example.com', password, name: 'Ada Lovelace' },
    });
    expect(registered.status).toBe(201);
    expect(registered.json.user).toMatchObject({ email: 'ada@example.com', name: 'Ada Lovelace', roles: ['user'] });

    const login = await system.rest('POST', '/auth/login', { body: { email: 'ada@example.com', password } });
    expect(login.status).toBe(200);
    expect(login.json).toMatchObject({ token_type: 'Bearer', expires_in: 900, user: registered.json.user });
    const token = system.secret(login.json.access_token);

    const profile = await system.rest('GET', '/users/profile', { token });
    expect(profile.status).toBe(200);
    expect(profile.json).toEqual({
      id: registered.json.user.id,
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      bio: '',
      phone: '',
      locale: '',
    });

    const changed = await system.rest('PATCH', '/users/profile', { token, body: { bio: 'Wrote the first program.' } });
    expect(changed.json).toEqual({ ...profile.json, bio: 'Wrote the first program.' });
    const masked = await system.rest('PUT', '/users/profile', {
      token,
      body: { locale: 'en', update_mask: 'bio,locale' },
    });
    expect(masked.json).toEqual({ ...profile.json, locale: 'en' });

    const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: login.json.refresh_token } });
    expect(refreshed.status).toBe(200);
    expect(refreshed.json.refresh_token).not.toBe(login.json.refresh_token);
    expect((await system.rest('GET', '/users/profile', { token: refreshed.json.access_token })).status).toBe(200);

    const verified = await system.rest('GET', '/auth/verify', { token: refreshed.json.access_token });
    expect(verified.json).toMatchObject({ valid: true, csrf_valid: false, user: { email: 'ada@example.com' } });
    expect(verified.json.claims).toMatchObject({ iss: 'http://localhost:8080', aud: 'signet', sub: profile.json.id });

    const out = await system.rest('POST', '/auth/logout', { body: { refresh_token: refreshed.json.refresh_token } });
    expect([out.status, out.json]).toEqual([200, {}]);
    const after = await system.rest('POST', '/auth/refresh', { body: { refresh_token: refreshed.json.refresh_token } });
    expect([after.status, after.json.code]).toEqual([401, 'INVALID_REFRESH_TOKEN']);
  });
});

describe.each([
  ['Connect', (baseUrl: string): Transport => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ['Connect over HTTP/2', (baseUrl: string): Transport => createConnectTransport({ baseUrl, httpVersion: '2' })],
  ['gRPC-Web', (baseUrl: string): Transport => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
  ['gRPC', (baseUrl: string): Transport => createGrpcTransport({ baseUrl })],
])('over %s', (_, open) => {
  test.each(['edge', 'auth'] as const)(
    'a user registers, signs in, reads the profile, refreshes and signs out at the %s',
    async (door) => {
      const auth = createClient(AuthService, open(system[door]));
      const users = createClient(UserService, open(system.edge));
      const email = `p${crypto.randomUUID()}@example.com`;
      const password = system.secret(crypto.randomUUID());
      const { user } = await auth.register({ email, password, name: 'Grace' });
      const login = await auth.login({ email, password });
      const headers = { authorization: `Bearer ${system.secret(login.accessToken ?? '')}` };
      expect(await users.getProfile({}, { headers })).toMatchObject({ id: user?.id, email, name: 'Grace' });
      expect(await users.updateProfile({ bio: 'x' }, { headers })).toMatchObject({ name: 'Grace', bio: 'x' });
      const refreshed = await auth.refresh({ refreshToken: system.secret(login.refreshToken ?? '') });
      expect((await auth.verify({}, { headers })).user).toMatchObject({ email });
      await auth.logout({ refreshToken: system.secret(refreshed.refreshToken ?? '') });
      await expect(auth.refresh({ refreshToken: refreshed.refreshToken ?? '' })).rejects.toThrow('unauthenticated');
      await expect(users.getProfile({})).rejects.toThrow('unauthenticated');
    },
  );
});
