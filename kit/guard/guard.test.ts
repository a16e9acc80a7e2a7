import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import Fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { Health } from '../../gen/proto/grpc/health/v1/health_pb.ts';
import { EchoService } from '../../gen/proto/signet/test/v1/echo_service_pb.ts';
import { connectGate } from './connect.ts';
import { detailOf, refusalReasonOf } from './error.ts';
import { fastifyGate, identityOfRequest } from './fastify.ts';
import { grpcGate } from './grpc.ts';
import { createGuard, type Guard, userIn } from './guard.ts';
import { localJwks } from './jwks.ts';
import type { KeySource } from './keys.ts';
import type { Identity } from './policy.ts';
import type { Revocations } from './revocations.ts';
import type { Trouble } from './trouble.ts';

const { method } = EchoService;
const start = 1_800_000_000_000;

let now: number;
let age: number;
let issuer: TestIssuer;
let guard: Guard;

beforeEach(async () => {
  now = start;
  age = 0;
  issuer = await createTestIssuer({ clock: () => now });
  guard = makeGuard({ isRevoked: () => false, age: () => age });
});
afterEach(() => guard.close());

function makeGuard(revocations: Revocations | 'none'): Guard {
  return createGuard({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys: localJwks(async () => issuer.jwks()),
    revocations,
    clock: () => now,
  });
}

type Sent = Record<string, string>;
const bearer = (token: string): Sent => ({ authorization: `Bearer ${token}` });
const asUser = async (user?: Parameters<TestIssuer['userToken']>[0]) => bearer(await issuer.userToken(user));
const asService = async (name: string): Promise<Sent> => ({ 'x-signet-caller': await issuer.callerToken(name) });

/** Outcome of a call: `admitted`, or the reason and the challenge. */
async function outcome(attempt: Promise<Identity>): Promise<{ reason: string; challenge: string | null }> {
  try {
    await attempt;
    return { reason: 'admitted', challenge: null };
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return { reason: String(refusalReasonOf(error)), challenge: error.metadata.get('www-authenticate') };
  }
}

const admit = (to: DescMethod, headers: Sent = {}) => outcome(guard.admit(to, new Headers(headers)));
const reason = async (to: DescMethod, headers: Sent = {}) => (await admit(to, headers)).reason;

describe('public', () => {
  test('admits any client and ignores tokens', async () => {
    expect(await reason(method.echo)).toBe('admitted');
    expect(await reason(method.echo, bearer('stale'))).toBe('admitted');
    expect(await guard.admit(method.echo, new Headers(await asUser()))).toEqual({});
    expect(await guard.check('public', new Headers(bearer('stale')))).toEqual({});
  });

  test('is the rule of health', async () => {
    expect(await reason(Health.method.check)).toBe('admitted');
  });
});

describe('authenticated', () => {
  test('admits a user and returns the principal', async () => {
    const sub = crypto.randomUUID();
    const identity = await guard.admit(method.private, new Headers(await asUser({ sub })));
    expect(identity).toMatchObject({ user: { subject: sub } });
    expect(identity.caller).toBeUndefined();
    expect(userIn(identity).subject).toBe(sub);
  });

  test('refuses a missing token with TOKEN_REQUIRED and the bare challenge', async () => {
    expect(await admit(method.private)).toEqual({ reason: 'TOKEN_REQUIRED', challenge: 'Bearer' });
  });

  test('refuses an invalid token with INVALID_TOKEN, without the cause', async () => {
    const challenge = 'Bearer error="invalid_token"';
    expect(await admit(method.private, bearer('x.y.z'))).toEqual({ reason: 'INVALID_TOKEN', challenge });
    const expired = await asUser();
    now += 3_600_000;
    expect(await admit(method.private, expired)).toEqual({ reason: 'INVALID_TOKEN', challenge });
  });

  test("refuses a service's token instead of a user's", async () => {
    expect(await reason(method.private, bearer(await issuer.callerToken('order')))).toBe('INVALID_TOKEN');
  });

  test('returns the calling service, if there is one', async () => {
    const identity = await guard.admit(
      method.private,
      new Headers({ ...(await asUser()), ...(await asService('cart')) }),
    );
    expect(identity.caller?.service).toBe('cart');
  });

  test('refuses an invalid caller token, even if none is required', async () => {
    expect(await reason(method.private, { ...(await asUser()), 'x-signet-caller': 'x.y.z' })).toBe(
      'CALLER_NOT_ALLOWED',
    );
  });
});

describe('the Authorization header', () => {
  test.each(['Bearer', 'bearer', 'BEARER'])('accepts its scheme in any letter case: %s', async (scheme) => {
    expect(await reason(method.private, { authorization: `${scheme} ${await issuer.userToken()}` })).toBe('admitted');
  });

  test.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'DPoP abc', 'Bearerabc'])(
    '%j is not a token',
    async (authorization) => {
      expect(await reason(method.private, { authorization })).toBe('TOKEN_REQUIRED');
    },
  );

  test('is refused if it is repeated', async () => {
    const token = await issuer.userToken();
    const twice = new Headers({ authorization: `Bearer ${token}` });
    twice.append('authorization', `Bearer ${token}`);
    expect((await outcome(guard.admit(method.private, twice))).reason).toBe('INVALID_TOKEN');
    expect(await reason(method.private, { authorization: `Basic YTpi, Bearer ${token}` })).toBe('INVALID_TOKEN');
  });

  test('with two tokens in it is refused', async () => {
    const token = await issuer.userToken();
    expect(await reason(method.private, bearer(`${token} ${token}`))).toBe('INVALID_TOKEN');
    expect(await reason(method.private, bearer(`${token},`))).toBe('INVALID_TOKEN');
  });

  test('is the only place that tokens are read from', async () => {
    const token = await issuer.userToken();
    const elsewhere = { cookie: `access_token=${token}`, 'x-access-token': token, 'x-user-id': '1' };
    expect(await reason(method.private, elsewhere)).toBe('TOKEN_REQUIRED');
  });
});

describe('roles', () => {
  test.each([
    [['admin'], 'admitted'],
    [['user', 'support'], 'admitted'],
    [['user'], 'INSUFFICIENT_SCOPE'],
    [['Admin'], 'INSUFFICIENT_SCOPE'],
    [[], 'INSUFFICIENT_SCOPE'],
  ])('%j on a method for admin or support: %s', async (roles, expected) => {
    expect(await reason(method.adminOnly, await asUser({ roles }))).toBe(expected);
  });

  test('that are missing are named in the detail, not in the challenge', async () => {
    const refused = await guard.admit(method.adminOnly, new Headers(await asUser())).catch((error: unknown) => error);
    expect(detailOf(refused)).toBe('Needs the role admin or support.');
    expect((await admit(method.adminOnly, await asUser())).challenge).toBe('Bearer error="insufficient_scope"');
  });
});

describe('scopes', () => {
  test('must all be present', async () => {
    expect(await reason(method.scoped, await asUser({ scopes: ['echo:write', 'x', 'echo:read'] }))).toBe('admitted');
    expect(await admit(method.scoped, await asUser({ scopes: ['echo:read'] }))).toEqual({
      reason: 'INSUFFICIENT_SCOPE',
      challenge: 'Bearer error="insufficient_scope", scope="echo:read echo:write"',
    });
  });

  test.each([
    [{ roles: ['raider'] }, 'Needs the role raider.'],
    [{ roles: ['raider', 'admin', 'support'] }, 'Needs the role raider, admin, or support.'],
    [{ scopes: ['a:read'] }, 'Needs the scope a:read.'],
    [{ roles: ['user'], scopes: ['a:read', 'a:write'] }, 'Needs the scopes a:read and a:write.'],
    [{ roles: ['admin'], scopes: ['a:read'] }, 'Needs the role admin. Needs the scope a:read.'],
  ])('the detail names what a rule %j requires', async (rule, detail) => {
    const refused = await guard.check(rule, new Headers(await asUser())).catch((error: unknown) => error);
    expect([refusalReasonOf(refused), detailOf(refused)]).toEqual(['INSUFFICIENT_SCOPE', detail]);
  });
});

describe('step-up', () => {
  test('requires a new sign-in after max_auth_age', async () => {
    const token = await asUser({ authAge: 300 });
    expect(await reason(method.fresh, token)).toBe('admitted');
    now += 1;
    expect(await admit(method.fresh, token)).toEqual({
      reason: 'REAUTHENTICATION_REQUIRED',
      challenge: 'Bearer error="insufficient_user_authentication", max_age="300"',
    });
  });

  test('names the required authentication class', async () => {
    expect(await reason(method.strongAuth, await asUser({ acr: 'mfa' }))).toBe('admitted');
    expect(await admit(method.strongAuth, await asUser({ acr: 'pwd' }))).toEqual({
      reason: 'REAUTHENTICATION_REQUIRED',
      challenge: 'Bearer error="insufficient_user_authentication", acr_values="mfa"',
    });
  });

  test.each([
    ['pwd', 'pwd', true],
    ['mfa', 'pwd', true],
    ['phr', 'pwd', true],
    ['pwd', 'mfa', false],
    ['mfa', 'mfa', true],
    ['phr', 'mfa', true],
    ['mfa', 'phr', false],
    ['phr', 'phr', true],
    ['MFA', 'pwd', false],
    ['urn:phr', 'pwd', false],
    [undefined, 'pwd', false],
  ] as const)('a session of acr %j reaches the level %s: %j', async (acr, needed, reached) => {
    const headers = new Headers(bearer(await issuer.sign({ acr })));
    expect((await outcome(guard.check({ acr: needed }, headers))).reason).toBe(
      reached ? 'admitted' : 'REAUTHENTICATION_REQUIRED',
    );
  });

  test('names class and age in one challenge', async () => {
    const rule = { acr: 'mfa' as const, maxAuthAge: 60 };
    expect((await outcome(guard.check(rule, new Headers(await asUser())))).challenge).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="60"',
    );
  });
});

describe('staleness', () => {
  test('admits until revocation data is older than max_staleness', async () => {
    const token = await asUser();
    age = 5;
    expect(await reason(method.prompt, token)).toBe('admitted');
    age = 5.001;
    expect(await reason(method.prompt, token)).toBe('REVOCATIONS_STALE');
    expect(await reason(method.private, token)).toBe('admitted');
  });

  test('refuses without revocation data', async () => {
    const deaf = makeGuard('none');
    const error = await deaf.admit(method.prompt, new Headers(await asUser())).catch((thrown: unknown) => thrown);
    expect(refusalReasonOf(error)).toBe('REVOCATIONS_STALE');
    expect((error as ConnectError).code).toBe(Code.Unavailable);
    expect((error as ConnectError).metadata.get('retry-after')).toBe('1');
    deaf.close();
  });
});

test('refuses all tokens until revocations are loaded once', async () => {
  age = Infinity;
  expect(await reason(method.private, await asUser())).toBe('REVOCATIONS_STALE');
  expect(await reason(method.inside, await asService('order'))).toBe('REVOCATIONS_STALE');
  expect(await reason(method.private, bearer('x.y.z'))).toBe('INVALID_TOKEN');
  expect(await reason(method.private)).toBe('TOKEN_REQUIRED');
  age = 1_000_000;
  expect(await reason(method.private, await asUser())).toBe('admitted');
});

describe('callers', () => {
  test("a method that names callers admits only them, on a user's behalf", async () => {
    const user = await asUser();
    expect(await reason(method.onBehalf, { ...user, ...(await asService('order')) })).toBe('admitted');
    expect(await reason(method.onBehalf, { ...user, ...(await asService('cart')) })).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.onBehalf, user)).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.onBehalf, await asService('order'))).toBe('TOKEN_REQUIRED');
  });

  test("a user's token is not a caller token", async () => {
    const user = await issuer.userToken();
    expect(await reason(method.onBehalf, { ...bearer(user), 'x-signet-caller': user })).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.anyService, { 'x-signet-caller': user })).toBe('CALLER_NOT_ALLOWED');
  });

  test('are refused if the header is repeated', async () => {
    const token = await issuer.callerToken('order');
    expect(await reason(method.inside, { 'x-signet-caller': `${token}, ${token}` })).toBe('CALLER_NOT_ALLOWED');
  });

  test('are refused with KEYS_UNAVAILABLE without a key to verify them', async () => {
    const keyless = createGuard({
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: ['ES256'],
      keys: localJwks(async () => Promise.reject(new Error('down'))),
      revocations: 'none',
    });
    const attempt = keyless.admit(method.inside, new Headers(await asService('order')));
    expect((await outcome(attempt)).reason).toBe('KEYS_UNAVAILABLE');
    keyless.close();
  });
});

describe('services: true', () => {
  const rule = { services: true, roles: ['support'] };
  const check = async (headers: Sent) => (await outcome(guard.check(rule, new Headers(headers)))).reason;

  test('admits a machine client with the role', async () => {
    const token = await issuer.machineToken('reports', { roles: ['support'] });
    expect(await check(bearer(token))).toBe('admitted');
    expect(await guard.check(rule, new Headers(bearer(token)))).toMatchObject({ caller: { service: 'reports' } });
    expect(await check(bearer(await issuer.machineToken('reports')))).toBe('INSUFFICIENT_SCOPE');
  });

  test('refuses a service of the fleet, whatever its roles', async () => {
    expect(await check(bearer(await issuer.callerToken('order', { roles: ['support'] })))).toBe('INVALID_TOKEN');
  });

  test('does not treat a machine client as a service of the fleet', async () => {
    const machine = { 'x-signet-caller': await issuer.machineToken('order', { roles: ['admin'] }) };
    expect(await reason(method.inside, machine)).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.anyService, machine)).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.onBehalf, { ...(await asUser()), ...machine })).toBe('CALLER_NOT_ALLOWED');
    await expect(guard.caller(new Headers(machine))).rejects.toThrow('Internal method');
  });
});

describe('internal', () => {
  test('requires a service and no user', async () => {
    const identity = await guard.admit(method.inside, new Headers(await asService('order')));
    expect(identity).toMatchObject({ caller: { service: 'order' } });
    expect(identity.user).toBeUndefined();
    expect(() => userIn(identity)).toThrow('An access token is required.');
  });

  test('admits the named callers, or any service if none is named', async () => {
    expect(await reason(method.inside, await asService('cart'))).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.anyService, await asService('cart'))).toBe('admitted');
  });

  test('refuses a user without a service', async () => {
    expect(await reason(method.anyService, await asUser({ roles: ['admin'] }))).toBe('CALLER_NOT_ALLOWED');
    expect(await reason(method.anyService)).toBe('CALLER_NOT_ALLOWED');
  });

  test("returns also the user if the service calls on a user's behalf", async () => {
    const headers = new Headers({ ...(await asUser()), ...(await asService('order')) });
    expect((await guard.admit(method.inside, headers)).user?.roles).toEqual(['user']);
  });

  test('refuses an invalid Authorization header, even if none is required', async () => {
    const service = await asService('order');
    for (const authorization of ['Bearer x.y.z', 'Bearer', 'Basic YTpi']) {
      expect(await reason(method.inside, { ...service, authorization })).toBe('INVALID_TOKEN');
    }
  });
});

test('refuses calls to a method without a rule', async () => {
  const bare = { ...method.private, proto: { ...method.private.proto, options: undefined } } as DescMethod;
  await expect(guard.admit(bare, new Headers(await asUser()))).rejects.toThrow('no access rule');
});

test('refuses calls with an invalid rule', async () => {
  await expect(guard.check({ roles: [''] }, new Headers(await asUser()))).rejects.toThrow('Invalid access rule');
});

test('throws on a route with an invalid rule', () => {
  expect(() => fastifyGate(guard, { scopes: ['a b'] })).toThrow('Invalid access rule');
});

test('verifies a token without a rule', async () => {
  expect((await guard.verify(await issuer.userToken({ roles: ['raider'] }))).roles).toEqual(['raider']);
});

test('is ready once it has loaded keys', async () => {
  await expect(guard.ready()).resolves.toBeUndefined();
  expect([guard.isReady(), guard.obstacle()]).toEqual([true, undefined]);
});

describe('missing data', () => {
  const options = (keys: KeySource) => ({ issuer: 'i', audience: 'a', algorithms: ['ES256'] as const, keys });
  const feed = { isRevoked: () => false, age: () => 0 };

  test('is named by obstacle, and reported when it changes', async () => {
    let published: object | undefined;
    const load = async () => published ?? Promise.reject(new Error('down'));
    const reports: (readonly Trouble[])[] = [];
    const onTrouble = (troubles: readonly Trouble[]) => void reports.push(troubles);
    const keys = localJwks(load, { refreshEvery: 50 });
    const lacking = createGuard({ ...options(keys), revocations: feed, onTrouble });
    await expect.poll(() => reports).toEqual([[{ need: 'keys', why: 'the key set: down' }]]);
    expect([lacking.isReady(), lacking.obstacle()]).toEqual([false, 'keys']);
    published = issuer.jwks();
    await expect.poll(() => reports.at(-1)).toEqual([]);
    expect([reports.length, lacking.isReady(), lacking.obstacle()]).toEqual([2, true, undefined]);
    lacking.close();
  });

  test('is a process warning by default', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const lacking = createGuard({
      ...options(localJwks(async () => Promise.reject(new Error('down')))),
      revocations: 'none',
    });
    const warning = { type: 'SignetGuardWarning', code: 'keys' };
    await expect.poll(() => warned.mock.calls).toEqual([['the key set: down', warning]]);
    warned.mockRestore();
    lacking.close();
  });

  test('can be the revocations or the service key', async () => {
    const troubles: (Trouble | undefined)[] = [undefined, { need: 'service_key', why: 'x' }];
    for (const trouble of troubles) {
      const revocations = { ...feed, isReady: () => false, trouble: () => trouble };
      const lacking = createGuard({ ...options(localJwks(async () => issuer.jwks())), revocations });
      await expect.poll(() => lacking.obstacle()).toBe(trouble?.need ?? 'revocations');
      expect(lacking.isReady()).toBe(false);
      lacking.close();
    }
  });
});

test('a route without a gate has no identity, not even an empty one', async () => {
  const app = Fastify();
  app.get('/open', async (request) => identityOfRequest(request));
  app.get('/public', { onRequest: fastifyGate(guard, 'public') }, async (request) => identityOfRequest(request));
  const answer = await app.inject('/open');
  expect([answer.statusCode, answer.json().message]).toEqual([500, expect.stringContaining('has no gate')]);
  expect((await app.inject('/public')).json()).toEqual({});
});

test('throws on a gate without a guard', () => {
  const none = undefined as unknown as Guard;
  expect(() => fastifyGate(none, {})).toThrow('guard must have');
  expect(() => connectGate(none)).toThrow('guard must have');
  expect(() => grpcGate(none, [EchoService])).toThrow('guard must have');
});
