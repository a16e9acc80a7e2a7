import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { type Authority, createAuthority, openssl } from '#kit/testing/authority.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../../cli/testing/run.ts';
import { startTogether } from '../processes.ts';
import { ask } from '../system.ts';

const health = fileURLToPath(new URL('../../deploy/health.mjs', import.meta.url));
const password = 'the admin of the tests';
const ada = { email: 'ada@example.com', password: 'correct horse battery' };

describeWith([openssl], 'all services with a certificate', () => {
  const trusted = getCACertificates('default');
  let authority: Authority;
  let database: FreshDatabase;
  let system: Awaited<ReturnType<typeof startTogether>>;
  let edge: string;
  let auth: string;
  beforeAll(async () => {
    authority = createAuthority();
    // fetch has no other way to trust an authority.
    setDefaultCACertificates([...trusted, authority.pem]);
    const { cert, key } = authority.issue('DNS:localhost');
    database = await freshDatabase();
    system = await startTogether(database, {
      SIGNET_TLS_CERT: cert,
      SIGNET_TLS_KEY: key,
      SIGNET_ADMIN_PASSWORD: password,
    });
    [edge, auth] = [`https://localhost:${system.ports.edge}`, `https://localhost:${system.ports.auth}`];
    await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...ada, name: 'Ada' } });
  });
  afterAll(async () => {
    await system.end('SIGTERM');
    await database.drop();
    setDefaultCACertificates(trusted);
    authority.remove();
  });

  const grpcTo = (baseUrl: string) => createGrpcTransport({ baseUrl, nodeOptions: { ca: authority.pem } });

  test('a user signs in over REST and reads the profile over REST and gRPC', async () => {
    const { json } = await ask(`${edge}/api/v1/auth/login`, 'POST', { body: ada });
    const profile = await ask(`${edge}/api/v1/users/profile`, 'GET', { token: json.access_token });
    expect([profile.status, profile.json.email]).toEqual([200, ada.email]);
    const { email } = await createClient(UserService, grpcTo(edge)).getProfile(
      {},
      { headers: { authorization: `Bearer ${json.access_token}` } },
    );
    expect(email).toBe(ada.email);
  });

  test('the HTTP port of auth has TLS, too, and the issuer is an https:// URL', async () => {
    const { accessToken = '' } = await createClient(AuthService, grpcTo(auth)).login(ada);
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
    expect(claims.iss).toBe('https://localhost:8080');
    expect((await ask(`${auth}/.well-known/jwks.json`, 'GET')).json.keys).toHaveLength(1);
    const discovered = await ask(`${edge}/.well-known/openid-configuration`, 'GET');
    expect(discovered.json.jwks_uri).toBe('https://localhost:8080/.well-known/jwks.json');
  });

  test('cookies are Secure and have the prefix __Host-', async () => {
    const { headers } = await ask(`${edge}/api/v1/auth/login`, 'POST', { body: { ...ada, transport: 'cookie' } });
    const cookies = headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(0);
    for (const cookie of cookies) expect(cookie).toMatch(/^__Host-signet_\w+=.*; Secure/);
  });

  test('the start prints https:// URLs and no warning about plain HTTP', () => {
    expect(system.output()).toContain(`https://localhost:${system.ports.edge}/docs`);
    expect(system.output()).toContain(`curl -s ${edge}/api/v1/auth/login`);
    expect(system.output()).toContain(`buf curl ${edge} --list-methods`);
    expect(system.output()).not.toContain('Over plain HTTP');
  });

  test('the command line works', async () => {
    const environment = { SIGNET_URL: edge, SIGNET_CLI_EMAIL: 'admin@localhost', SIGNET_CLI_PASSWORD: password };
    const listed = await run(['users', 'list', '--json'], { environment });
    expect([listed.exit, listed.json().users.length]).toEqual([0, 2]);
  });

  test('the command line says why it cannot reach the edge', async () => {
    const { edge: port } = system.ports;
    const failed = async (url: string) => {
      const environment = { SIGNET_URL: url, SIGNET_CLI_EMAIL: 'admin@localhost', SIGNET_CLI_PASSWORD: password };
      const { exit, stderr } = await run(['users', 'list'], { environment });
      return [exit, stderr];
    };
    expect(await failed(`http://localhost:${port}`)).toEqual([3, expect.stringContaining('speaks https:// only')]);
    expect(await failed(`https://127.0.0.1:${port}`)).toEqual([
      3,
      expect.stringContaining('The certificate of the server is not accepted (ERR_TLS_CERT_ALTNAME_INVALID)'),
    ]);
  });

  test.each([
    ['edge', 'SIGNET_EDGE_PORT', () => system.ports.edge],
    // It has no TLS.
    ['auth', 'SIGNET_AUTH_GRPC_PORT', () => system.ports.grpc.get('auth')],
  ])('the health check of a container of %s works at the port of %s', async (service, key, port) => {
    const env = { SIGNET_TLS_CERT: '/anything', [key]: String(port()) };
    await expect(promisify(execFile)(process.execPath, [health, service], { env })).resolves.toBeDefined();
  });

  test('the metrics port has no TLS and shows the expiry of both certificates', async () => {
    const text = await (await fetch(`http://127.0.0.1:${system.ports.metrics}/metrics`)).text();
    for (const service of ['edge', 'auth']) {
      const [, expiry] =
        new RegExp(`signet_tls_certificate_expiry_timestamp_seconds\\{service="${service}"\\} (\\S+)`).exec(text) ?? [];
      expect(Number(expiry) * 1_000 - Date.now()).toBeGreaterThan(86_400_000);
    }
  });
});
