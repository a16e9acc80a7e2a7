import * as fc from 'fast-check';
import { CompactSign, SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Claims, createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import type { PublicKeyAlgorithm } from './algorithms.ts';
import type { Principal } from './claims.ts';
import { refusalReasonOf } from './error.ts';
import { localJwks } from './jwks.ts';
import type { KeySource } from './keys.ts';
import type { Revocable } from './revocations.ts';
import { sharedSecret } from './shared-secret.ts';
import { createVerifier, type Verifier, type VerifierOptions } from './verifier.ts';

const start = 1_800_000_000_000;
const second = 1_000;

let now: number;
let issuer: TestIssuer;
let keys: KeySource;
let verifier: Verifier;

function make(options: Partial<VerifierOptions> = {}): Verifier {
  return createVerifier({
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    keys,
    revocations: 'none',
    clock: () => now,
    ...options,
  });
}

async function setUp(alg: PublicKeyAlgorithm = 'ES256'): Promise<void> {
  issuer = await createTestIssuer({ alg, clock: () => now });
  keys = localJwks(async () => issuer.jwks());
  verifier = make({ algorithms: [alg] });
}

/** Counts key lookups: a cached token causes none. */
function counting(source: KeySource) {
  const counted = { lookups: 0 };
  const get: KeySource['get'] = (kid, alg) => {
    counted.lookups += 1;
    return source.get(kid, alg);
  };
  return { counted, keys: { ...source, get } };
}

async function reasonOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => 'accepted',
    (error: unknown) => refusalReasonOf(error),
  );
}

beforeEach(async () => {
  now = start;
  await setUp();
  return () => keys.close();
});

test('returns the frozen principal of a user token', async () => {
  const sub = crypto.randomUUID();
  const token = await issuer.sign({
    sub,
    sid: 'session',
    jti: 'token',
    client_id: 'app',
    email: 'ana@example.test',
    roles: ['admin', 'user'],
    scope: 'orders:read  orders:write',
    acr: 'mfa',
    amr: ['pwd', 'otp'],
    nbf: start / second,
    extra: { deep: [1] },
  });
  const principal = await verifier.user(token);
  expect(principal).toEqual({
    subject: sub,
    sessionId: 'session',
    tokenId: 'token',
    clientId: 'app',
    email: 'ana@example.test',
    emailVerified: false,
    roles: ['admin', 'user'],
    scopes: ['orders:read', 'orders:write'],
    acr: 'mfa',
    amr: ['pwd', 'otp'],
    authTime: start / second,
    issuedAt: start / second,
    expiresAt: start / second + 900,
    claims: expect.objectContaining({ sub, extra: { deep: [1] } }),
    token,
  });
  const { roles, scopes, amr, claims } = principal;
  expect([principal, roles, scopes, amr, claims, claims['extra']].every(Object.isFrozen)).toBe(true);
});

test('returns the caller of a service token', async () => {
  const token = await issuer.callerToken('order');
  expect(await verifier.caller(token)).toMatchObject({ service: 'order', expiresAt: start / second + 900, token });
});

test.each<[Claims, string | undefined, boolean]>([
  [{ email: 'ana@example.test', email_verified: true }, 'ana@example.test', true],
  [{ email: 'ana@example.test', email_verified: false }, 'ana@example.test', false],
  [{ email: 'ana@example.test' }, 'ana@example.test', false],
  [{ email: 'ana@example.test', email_verified: 'true' }, 'ana@example.test', false],
  [{ email: 'ana@example.test', email_verified: 1 }, 'ana@example.test', false],
  [{ email: undefined, email_verified: true }, undefined, false],
  [{ email: undefined }, undefined, false],
])('an email is verified only if the claim email_verified is true: %j', async (claims, email, is) => {
  expect(await verifier.user(await issuer.sign(claims))).toMatchObject({ email, emailVerified: is });
});

test.each([
  ['pwd', 'pwd'],
  ['mfa', 'mfa'],
  ['phr', 'phr'],
  ['MFA', undefined],
  ['urn:mace:incommon:iap:silver', undefined],
  ['', undefined],
  [undefined, undefined],
])('acr %j is the class %j', async (acr, level) => {
  expect((await verifier.user(await issuer.sign({ acr }))).acr).toBe(level);
});

test.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('verifies %s', async (alg) => {
  keys.close();
  await setUp(alg);
  expect(await reasonOf(verifier.user(await issuer.userToken()))).toBe('accepted');
});

test('verifies HS256 with a shared secret, and refuses a public key as one', async () => {
  const k = Buffer.alloc(32, 1).toString('base64url');
  const mono = make({ algorithms: ['HS256'], keys: await sharedSecret({ kty: 'oct', alg: 'HS256', kid: 'mono', k }) });
  const { claims } = await verifier.user(await issuer.userToken());
  const sign = (kid: string) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', kid, typ: 'at+jwt' }).sign(Buffer.alloc(32, 1));
  expect(await reasonOf(mono.user(await sign('mono')))).toBe('accepted');
  expect(await reasonOf(mono.user(await sign('other')))).toBe('INVALID_TOKEN');
  expect(await reasonOf(mono.user(await issuer.userToken()))).toBe('INVALID_TOKEN');
  expect(await reasonOf(make({ algorithms: ['HS256'] }).user(await sign(issuer.key.kid)))).toBe('INVALID_TOKEN');
});

test.each([
  [[], 'at least one'],
  [['none'], 'none'],
  [['HS512'], 'HS512'],
  [['toString'], 'toString'],
  [['HS256', 'RS256'], 'combined'],
])('throws on the algorithms %j', (algorithms, message) => {
  expect(() => make({ algorithms: algorithms as PublicKeyAlgorithm[] })).toThrow(message);
});

test('throws without an issuer or an audience', () => {
  expect(() => make({ issuer: '' })).toThrow('issuer');
  expect(() => make({ audience: '' })).toThrow('audience');
});

describe('throws on', () => {
  const cases: Record<string, [options: object, message: string]> = {
    'a clock skew that is not a number': [{ clockSkew: Number.NaN }, 'clockSkew'],
    'an infinite clock skew': [{ clockSkew: Infinity }, 'clockSkew'],
    'a negative clock skew': [{ clockSkew: -1 }, 'clockSkew'],
    'a clock skew over 5 min': [{ clockSkew: 300_001 }, 'clockSkew'],
    'a clock skew in text': [{ clockSkew: '5000' }, 'clockSkew'],
    'a token lifetime that is not a number': [{ maxTokenLife: Number.NaN }, 'maxTokenLife'],
    'a token lifetime over an hour': [{ maxTokenLife: 3_600_001 }, 'maxTokenLife'],
    'a token lifetime of 0': [{ maxTokenLife: 0 }, 'maxTokenLife'],
    'an infinite cache': [{ cacheSize: Infinity }, 'cacheSize'],
    'a negative cache size': [{ cacheSize: -1 }, 'cacheSize'],
    'a fractional cache size': [{ cacheSize: 1.5 }, 'cacheSize'],
    'an unknown option': [{ clockskew: 5_000 }, 'unknown: clockskew'],
    'a wrong name of an option': [{ aud: 'signet' }, 'unknown: aud'],
    'missing revocations': [{ revocations: undefined }, 'revocations'],
    'revocations without methods': [{ revocations: {} }, 'revocations'],
    'revocations disabled by a wrong value': [{ revocations: false }, 'revocations'],
    'no keys': [{ keys: undefined }, 'keys'],
    'an unset issuer': [{ issuer: undefined }, 'issuer'],
    'an audience that is a list': [{ audience: ['signet'] }, 'audience'],
    'one audience for users and services': [{ fleetAudience: 'signet' }, 'audience'],
    'no types': [{ types: [] }, 'types'],
    'types with a prefix': [{ types: ['application/at+jwt'] }, 'types'],
    'a clock that is a number': [{ clock: 0 }, 'clock'],
    'an observer that is misspelt': [{ observe: { decisions: () => undefined } }, 'unknown: decisions'],
  };
  test.each(Object.entries(cases))('%s', (_, [options, message]) => {
    expect(() => make(options)).toThrow(message);
  });

  test('all faults in one error, without values', () => {
    const attempt = () => make({ issuer: '', clockSkew: Number.NaN, secret: 'hush' } as Partial<VerifierOptions>);
    expect(attempt).toThrow(/issuer.*clockSkew.*unknown: secret/);
    expect(attempt).not.toThrow('hush');
  });
});

test.each<[string, Partial<VerifierOptions>]>([
  ['a clock skew of 5 min', { clockSkew: 300_000 }],
  ['no clock skew', { clockSkew: 0 }],
  ['a token lifetime of an hour', { maxTokenLife: 3_600_000 }],
  ['no cache', { cacheSize: 0 }],
])('accepts %s', async (_, options) => {
  expect(await reasonOf(make(options).user(await issuer.userToken()))).toBe('accepted');
});

describe('refuses a token', () => {
  const iat = start / second;
  const cases: Record<string, Claims> = {
    'of another issuer': { iss: 'https://issuer.test.evil' },
    'of our issuer with an additional slash': { iss: 'https://issuer.test/' },
    'without iss': { iss: undefined },
    'whose iss is a list': { iss: ['https://issuer.test'] },
    'for another audience': { aud: 'other' },
    'for other audiences': { aud: ['other', 'signet2'] },
    'with an empty aud': { aud: [] },
    'without aud': { aud: undefined },
    'whose aud is an object': { aud: { signet: true } },
    'without sub': { sub: undefined },
    'with an empty sub': { sub: '' },
    'whose sub is an object': { sub: {} },
    'whose sub is not an account id': { sub: 'admin' },
    'without exp': { exp: undefined },
    'whose exp is text': { exp: String(iat + 900) },
    'whose exp is null': { exp: null },
    'whose exp is a fraction': { exp: iat + 900.5 },
    'whose exp is negative': { exp: -1 },
    'whose exp is in milliseconds': { exp: (iat + 900) * 1_000 },
    'without iat': { iat: undefined },
    'whose iat is text': { iat: 'now' },
    'whose nbf is text': { nbf: '0' },
    'without jti': { jti: undefined },
    'whose jti is a number': { jti: 1 },
    'with an empty sid': { sid: '' },
    'whose sid is a number': { sid: 7 },
    'whose sid is null': { sid: null },
    'without client_id': { client_id: undefined },
    'without scope': { scope: undefined },
    'whose scope is a list': { scope: ['a'] },
    'without roles': { roles: undefined },
    'whose roles are text': { roles: 'admin' },
    'whose roles hold a number': { roles: ['user', 1] },
    'with an empty email': { email: '' },
    'without amr': { amr: undefined },
    'whose amr is text': { amr: 'pwd' },
    'whose acr is a number': { acr: 1 },
    'that is sender-constrained': { cnf: { jkt: 'x' } },
    'with a cnf of any kind': { cnf: null },
    'for services of the fleet': { aud: 'signet:fleet' },
    'without auth_time': { auth_time: undefined },
    'whose auth_time is text': { auth_time: '0' },
    'that authenticated after it was issued': { auth_time: iat + 6 },
    'with a lifetime of 0': { iat: iat + 1, exp: iat + 1 },
    'that ends before it begins': { iat: iat + 3, exp: iat + 2 },
  };
  test.each(Object.entries(cases))('%s', async (_, claims) => {
    expect(await reasonOf(verifier.user(await issuer.sign(claims)))).toBe('INVALID_TOKEN');
  });

  const texts: Record<string, (claims: string) => string> = {
    'whose exp is 1e400': (claims) => claims.replace(/"exp":\d+/, '"exp":1e400'),
    'whose iat is -1e400': (claims) => claims.replace(/"iat":\d+/, '"iat":-1e400'),
    'with a duplicate claim': (claims) => claims.replace('{', '{"roles":["admin"],'),
    'with a duplicate claim, once escaped': (claims) => claims.replace('{', '{"r\\u006fles":["admin"],'),
    'whose claims are a list': (claims) => `[${claims}]`,
    'whose claims are text': () => '"claims"',
    'whose claims are not JSON': (claims) => claims.slice(1),
    'whose claims are null': () => 'null',
    'with claims of depth 2,500': (claims) => claims.replace('{', `{"x":${'['.repeat(2_500)}${']'.repeat(2_500)},`),
  };
  test.each(Object.entries(texts))('%s', async (_, change) => {
    const { claims } = await verifier.user(await issuer.userToken());
    expect(await reasonOf(verifier.user(await signText(change(JSON.stringify(claims)))))).toBe('INVALID_TOKEN');
  });

  test('signed by another issuer under our kid', async () => {
    const other = await createTestIssuer({ clock: () => now });
    expect(await reasonOf(verifier.user(await other.sign({}, { kid: issuer.key.kid })))).toBe('INVALID_TOKEN');
  });

  test('whose kid is unknown', async () => {
    expect(await reasonOf(verifier.user(await issuer.sign({}, { kid: '__proto__' })))).toBe('INVALID_TOKEN');
  });

  test('of an algorithm that is not configured, even if its key is published', async () => {
    expect(await reasonOf(make({ algorithms: ['RS256'] }).user(await issuer.userToken()))).toBe('INVALID_TOKEN');
  });

  test('that contains its key', async () => {
    const other = await createTestIssuer({ clock: () => now });
    const header = { kid: issuer.key.kid, jwk: other.key.jwk };
    expect(await reasonOf(verifier.user(await other.sign({}, header)))).toBe('INVALID_TOKEN');
    expect(await reasonOf(verifier.user(await other.sign({}, { jwk: other.key.jwk })))).toBe('INVALID_TOKEN');
  });

  async function signText(claims: string): Promise<string> {
    const header = { alg: issuer.key.alg, kid: issuer.key.kid, typ: 'at+jwt' };
    return new CompactSign(Buffer.from(claims)).setProtectedHeader(header).sign(issuer.key.privateKey);
  }
});

test('a revocation covers both signatures that ECDSA allows', async () => {
  const token = await issuer.sign({ jti: 'token' });
  const [head, body, signature = ''] = token.split('.');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const bytes = Buffer.from(signature, 'base64url');
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const twinBytes = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  const twin = `${head}.${body}.${twinBytes.toString('base64url')}`;
  expect((await verifier.user(twin)).tokenId).toBe('token');
  const revoking = make({ revocations: { isRevoked: ({ jti }) => jti === 'token', age: () => 0 } });
  expect(await reasonOf(revoking.user(token))).toBe('INVALID_TOKEN');
  expect(await reasonOf(revoking.user(twin))).toBe('INVALID_TOKEN');
});

describe('refuses a token of the wrong kind', () => {
  test('a service token as a user token', async () => {
    expect(await reasonOf(verifier.user(await issuer.callerToken('order')))).toBe('INVALID_TOKEN');
  });
  test('a user token as a service token', async () => {
    expect(await reasonOf(verifier.caller(await issuer.userToken()))).toBe('INVALID_TOKEN');
  });
  test('a machine token as a user or service token', async () => {
    const token = await issuer.machineToken('reports', { roles: ['admin'] });
    expect(await verifier.bearer(token)).toMatchObject({ kind: 'machine', caller: { service: 'reports' } });
    expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(verifier.caller(token))).toBe('INVALID_TOKEN');
  });
  test('a token with both audiences', async () => {
    const token = await issuer.callerToken('order', { aud: ['signet', 'signet:fleet'] });
    expect(await reasonOf(verifier.bearer(token))).toBe('INVALID_TOKEN');
  });
  test('a token of another fleet, but not of a configured fleet audience', async () => {
    const token = await issuer.callerToken('order', { aud: 'others' });
    expect(await reasonOf(verifier.caller(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(make({ fleetAudience: 'others' }).caller(token))).toBe('accepted');
  });
  test('also a cached one', async () => {
    const [user, service] = [await issuer.userToken(), await issuer.callerToken('order')];
    await verifier.user(user);
    await verifier.caller(service);
    expect(await reasonOf(verifier.user(service))).toBe('INVALID_TOKEN');
    expect(await reasonOf(verifier.caller(user))).toBe('INVALID_TOKEN');
  });
  test('a token without a session whose sub is not its client', async () => {
    const token = await issuer.callerToken('order', { client_id: 'cart' });
    expect(await reasonOf(verifier.caller(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
  });
  test('a token with a session whose sub is its client', async () => {
    const sub = crypto.randomUUID();
    const token = await issuer.sign({ sub, client_id: sub });
    expect(await reasonOf(verifier.caller(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
  });
});

describe('time', () => {
  const iat = start / second;

  test('a token is valid until exp plus skew, cached or not', async () => {
    const token = await issuer.userToken();
    now = start + 904_999;
    expect(await reasonOf(verifier.user(token))).toBe('accepted');
    now = start + 905_000;
    expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(make().user(token))).toBe('INVALID_TOKEN');
  });

  test.each(['iat', 'nbf'])('%s may be in the future by at most the skew', async (name) => {
    const at = (seconds: number) => issuer.sign({ [name]: iat + seconds, exp: iat + 900 });
    expect(await reasonOf(verifier.user(await at(5)))).toBe('accepted');
    expect(await reasonOf(verifier.user(await at(6)))).toBe('INVALID_TOKEN');
  });

  test('a lifetime may be at most the configured maximum', async () => {
    expect(await reasonOf(verifier.user(await issuer.userToken({ life: 3_600 })))).toBe('accepted');
    expect(await reasonOf(verifier.user(await issuer.userToken({ life: 3_601 })))).toBe('INVALID_TOKEN');
    const strict = make({ maxTokenLife: 60_000 });
    expect(await reasonOf(strict.user(await issuer.userToken({ life: 61 })))).toBe('INVALID_TOKEN');
  });

  test('the skew is configurable', async () => {
    const token = await issuer.userToken({ life: 10 });
    now = start + 10_000;
    expect(await reasonOf(make({ clockSkew: 0 }).user(token))).toBe('INVALID_TOKEN');
    expect(await reasonOf(make({ clockSkew: 1 }).user(token))).toBe('accepted');
  });
});

test('accepts our audience among others', async () => {
  expect(await reasonOf(verifier.user(await issuer.sign({ aud: ['other', 'signet'] })))).toBe('accepted');
});

test('accepts another typ only if configured', async () => {
  const token = await issuer.sign({}, { typ: 'JWT' });
  expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
  expect(await reasonOf(make({ types: ['jwt'] }).user(token))).toBe('accepted');
});

describe('the cache', () => {
  test('returns the same object', async () => {
    const token = await issuer.userToken();
    expect(await verifier.user(token)).toBe(await verifier.user(token));
  });

  test('verifies once for concurrent calls', async () => {
    const { counted, keys: source } = counting({ ...keys, held: () => undefined });
    const token = await issuer.userToken();
    const verify = make({ keys: source });
    await Promise.all(Array.from({ length: 100 }, () => verify.user(token)));
    expect(counted.lookups).toBe(1);
  });

  test('does not cache refusals', async () => {
    const published = issuer.jwks();
    const later = localJwks(async () => published, { cooldown: 0 });
    await later.ready();
    const verify = make({ keys: later });
    published.keys.unshift((await issuer.rotate()).jwk);
    const missing = published.keys.shift();
    const token = await issuer.userToken();
    expect(await reasonOf(verify.user(token))).toBe('INVALID_TOKEN');
    if (missing) published.keys.push(missing);
    expect(await reasonOf(verify.user(token))).toBe('accepted');
    later.close();
  });

  test('evicts the oldest entry at the configured size', async () => {
    const verify = make({ cacheSize: 2 });
    const tokens = [await issuer.userToken(), await issuer.userToken(), await issuer.userToken()];
    const before: Principal[] = [];
    for (const token of tokens) before.push(await verify.user(token));
    const again: Principal[] = [];
    for (const token of tokens.toReversed()) again.unshift(await verify.user(token));
    expect(again.map((principal, i) => principal === before[i])).toEqual([false, true, true]);
  });

  test('is off with size 0', async () => {
    const verify = make({ cacheSize: 0 });
    const token = await issuer.userToken();
    expect(await verify.user(token)).not.toBe(await verify.user(token));
  });

  test('drops a token when its key leaves the set', async () => {
    const token = await issuer.userToken();
    const old = issuer.key.kid;
    await verifier.user(token);
    await issuer.rotate();
    await keys.refresh();
    expect(await reasonOf(verifier.user(token))).toBe('accepted');
    issuer.remove(old);
    await keys.refresh();
    expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
  });

  test('drops a token when its kid refers to another key', async () => {
    const token = await issuer.userToken();
    await verifier.user(token);
    const jwk = { ...(await issuer.rotate()).jwk };
    const old = issuer.jwks().keys[1]?.kid;
    const swapped = localJwks(async () => ({ keys: [{ ...jwk, kid: old }] }));
    await swapped.ready();
    const verify = make({ keys: { ...keys, held: (kid, alg) => (useSwapped ? swapped : keys).held(kid, alg) } });
    let useSwapped = false;
    expect(await reasonOf(verify.user(token))).toBe('accepted');
    useSwapped = true;
    expect(await reasonOf(verify.user(token))).toBe('INVALID_TOKEN');
    swapped.close();
  });
});

describe('revocations', () => {
  test('are checked on every use, also of a cached token', async () => {
    const asked: Revocable[] = [];
    const gone = new Set<string>();
    const revocations = {
      isRevoked: (token: Revocable) => {
        asked.push(token);
        return gone.has(token.jti) || gone.has(token.sub) || (token.sid !== undefined && gone.has(token.sid));
      },
      age: () => 0,
    };
    const verify = make({ revocations });
    const sub = crypto.randomUUID();
    const token = await issuer.sign({ sub, sid: 'session', jti: 'token' });
    expect(await reasonOf(verify.user(token))).toBe('accepted');
    for (const name of ['token', 'session', sub]) {
      gone.add(name);
      expect(await reasonOf(verify.user(token))).toBe('INVALID_TOKEN');
      gone.clear();
    }
    expect(asked).toHaveLength(4);
    expect(asked[0]).toEqual({
      sub,
      sid: 'session',
      jti: 'token',
      iat: start / second,
      kid: issuer.key.kid,
      roles: ['user'],
    });

    const service = await issuer.callerToken('order', { jti: 'service-token' });
    expect(await reasonOf(verify.caller(service))).toBe('accepted');
    gone.add('service-token');
    expect(await reasonOf(verify.caller(service))).toBe('INVALID_TOKEN');
  });
});

test('continues to verify while the issuer is down', async () => {
  let up = true;
  const source = localJwks(async () => (up ? issuer.jwks() : Promise.reject(new Error('down'))), { cooldown: 0 });
  await source.ready();
  const verify = make({ keys: source });
  up = false;
  await source.refresh();
  expect(await reasonOf(verify.user(await issuer.userToken()))).toBe('accepted');
  expect(await reasonOf(verify.user(await issuer.sign({}, { kid: 'unknown' })))).toBe('KEYS_UNAVAILABLE');
  source.close();
});

test('refuses a valid token with any one character changed, removed or inserted', async () => {
  const token = await issuer.userToken();
  const characters = fc.constantFrom(...Array.from('ABab01_-.=+/ \n\u0000é'));
  const edits = fc.tuple(fc.nat(token.length), characters, fc.constantFrom('change', 'remove', 'insert'));
  const edited = edits.map(([at, character, how]) => {
    const rest = token.slice(how === 'insert' ? at : at + 1);
    return token.slice(0, at) + (how === 'remove' ? '' : character) + rest;
  });
  await fc.assert(
    fc.asyncProperty(edited, async (forged) => {
      fc.pre(forged !== token);
      expect(await reasonOf(verifier.user(forged))).toBe('INVALID_TOKEN');
    }),
    { numRuns: 2_000 },
  );
});

test('refuses any text that is not a token with INVALID_TOKEN', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.base64String(), { maxLength: 5 }).map((parts) => parts.join('.')),
    fc
      .tuple(fc.json(), fc.json())
      .map((parts) => `${parts.map((p) => Buffer.from(p).toString('base64url')).join('.')}.AAAA`),
  );
  await fc.assert(
    fc.asyncProperty(text, async (token) => {
      expect(await reasonOf(verifier.user(token))).toBe('INVALID_TOKEN');
    }),
    { numRuns: 1_000 },
  );
});

test('reports the cause only to the log, without any part of the token', async () => {
  const token = await issuer.sign({ aud: 'other' });
  const error = (await verifier.user(token).catch((reason: unknown) => reason)) as Error;
  expect(error.message).toBe('[unauthenticated] The access token is not valid.');
  expect(String(error.cause)).toContain('wrong audience');
  for (const part of token.split('.')) expect(`${error.stack}${String(error.cause)}`).not.toContain(part);
});
