import { fromBinary } from '@bufbuild/protobuf';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/proto/google/rpc/error_details_pb.ts';
import { services } from '../../services/registry.ts';
import { openSystem, type Person, type System } from '../system.ts';

const buf = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const run = promisify(execFile);

let system: System;
let person: Person;
beforeAll(async () => {
  system = await openSystem();
  person = await system.person();
});
afterAll(() => system.close());

/** Runs buf curl. On failure `out` is its output. */
async function curl(...args: string[]): Promise<{ ok: boolean; out: string }> {
  try {
    const { stdout } = await run(buf, ['curl', '--http2-prior-knowledge', ...args]);
    return { ok: true, out: stdout };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return { ok: false, out: stdout + stderr };
  }
}

/** The reason in an error of buf curl, which prints details as bytes. */
function reasonIn(out: string): string {
  const { code, details } = JSON.parse(out) as { code: string; details: { value: string }[] };
  const info = fromBinary(ErrorInfoSchema, Buffer.from(details[0]?.value ?? '', 'base64'));
  return `${code} ${info.reason}`;
}

const profile = '/signet.user.v1.UserService/GetProfile';
const login = '/signet.auth.v1.AuthService/Login';

describe.each(['connect', 'grpc', 'grpcweb'])('the edge over %s', (protocol) => {
  const ask = (path: string, ...args: string[]) => curl('--protocol', protocol, ...args, `${system.edge}${path}`);

  test('lists its services', async () => {
    const { out } = await ask('', '--list-services');
    const served = Object.values(services.edge.calls).flatMap((all) => all.map(({ typeName }) => typeName));
    expect(served).toContain('signet.auth.v1.AuthService');
    expect(out.trim().split('\n')).toEqual(['grpc.health.v1.Health', ...served.toSorted()]);
  });

  test('signs in', async () => {
    const { ok, out } = await ask(login, '-d', JSON.stringify({ email: person.email, password: person.password }));
    expect(ok, out).toBe(true);
    system.secret(JSON.parse(out).accessToken);
    expect(JSON.parse(out)).toMatchObject({ tokenType: 'Bearer', user: { email: person.email } });
  });

  test('serves a call with a token', async () => {
    const { ok, out } = await ask(profile, '-H', `Authorization: Bearer ${person.access}`);
    expect(ok, out).toBe(true);
    expect(JSON.parse(out)).toMatchObject({ id: person.id, email: person.email });
  });

  test.each([
    ['no token', [], 'TOKEN_REQUIRED'],
    ['a malformed token', ['-H', 'Authorization: Bearer not.a.token'], 'INVALID_TOKEN'],
  ])('refuses a call with %s', async (_, headers, reason) => {
    const { ok, out } = await ask(profile, ...headers);
    expect(ok).toBe(false);
    expect(reasonIn(out)).toBe(`unauthenticated ${reason}`);
  });
});

describe('the public port of the auth service', () => {
  test.each(['connect', 'grpc', 'grpcweb'])('signs in over %s', async (protocol) => {
    const body = JSON.stringify({ email: person.email, password: person.password });
    const { ok, out } = await curl('--protocol', protocol, '-d', body, `${system.auth}${login}`);
    expect(ok, out).toBe(true);
    system.secret(JSON.parse(out).accessToken);
  });
});

describe('the user service', () => {
  const ask = (path: string, ...args: string[]) =>
    curl('--protocol', 'grpc', ...args, `http://127.0.0.1:${system.userPort}${path}`);

  test('lists its services', async () => {
    const { out } = await ask('', '--list-services');
    expect(out.trim().split('\n')).toEqual([
      'grpc.health.v1.Health',
      'signet.events.v1.EventService',
      'signet.user.v1.ProfileService',
      'signet.user.v1.UserService',
    ]);
  });

  test('serves a call with a token and refuses a missing or malformed token', async () => {
    const answer = await ask(profile, '-H', `Authorization: Bearer ${person.access}`);
    expect(JSON.parse(answer.out)).toMatchObject({ email: person.email });
    expect(reasonIn((await ask(profile)).out)).toBe('unauthenticated TOKEN_REQUIRED');
    expect(reasonIn((await ask(profile, '-H', 'Authorization: Bearer a.b.c')).out)).toBe(
      'unauthenticated INVALID_TOKEN',
    );
  });

  test('serves grpc.health.v1', async () => {
    const check = (service: string) => ask('/grpc.health.v1.Health/Check', '-d', JSON.stringify({ service }));
    expect(JSON.parse((await check('')).out)).toEqual({ status: 'SERVING' });
    expect(JSON.parse((await check('signet.user.v1.UserService')).out)).toEqual({ status: 'SERVING' });
    expect((await check('nobody')).out).toContain('not_found');
  });
});

test('server reflection is disabled in production', async () => {
  const closed = await openSystem({ env: { NODE_ENV: 'production' } });
  expect((await curl('--protocol', 'grpc', '--list-services', closed.edge)).ok).toBe(false);
  expect((await curl('--protocol', 'grpc', '--list-services', `http://127.0.0.1:${closed.userPort}`)).ok).toBe(false);
  await closed.close();
});
