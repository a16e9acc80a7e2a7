import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../system.ts';
import { headerOf, openRig, type Rig } from './rig.ts';
import type { Attack, AttackContext } from './tokens/attack.ts';
import { claimAttacks } from './tokens/claim-attacks.ts';
import { formAttacks } from './tokens/form-attacks.ts';
import { headerAttacks } from './tokens/header-attacks.ts';
import { grpcCall, openWays, type Outcome, overHttp2, type Way } from './transports.ts';

let rig: Rig;
let ways: Way[];
let context: AttackContext;
let trap: Server;
let trapped = 0;
/** The messages of each protocol, by reason. */
const messages = new Map<string, Set<string>>();

beforeAll(async () => {
  rig = await openRig();
  ways = openWays(rig);
  trap = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const credentials = { email: 'eve@example.com', password: 'another long password' };
  await ask(`${rig.edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Eve' } });
  const other = await ask(`${rig.edge}/api/v1/auth/login`, 'POST', { body: credentials });
  context = {
    other: other.json.access_token,
    caller: serviceToken(),
    trap: `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks.json`,
  };
});
afterAll(async () => {
  for (const way of ways) way.close();
  await new Promise((resolve) => trap.close(resolve));
  await rig.close();
});

/** A service token: without a session, with its client as subject. */
function serviceToken(): string {
  const { iss, iat, exp, jti } = rig.claims();
  return rig.mint({ iss, aud: 'signet:fleet', iat, exp, jti, sub: 'order', client_id: 'order' });
}

/**
 * Sends the same over every protocol that can carry it. gRPC metadata is printable ASCII, so some attacks need HTTP.
 */
async function everyWay(lines: readonly string[]): Promise<[Way, Outcome][]> {
  const able = ways.filter((way) => way.carries(lines));
  return Promise.all(able.map(async (way): Promise<[Way, Outcome]> => [way, await way.send(...lines)]));
}

async function expectRefused({ lines, reason = 'INVALID_TOKEN', tooLarge = false }: Attack): Promise<void> {
  const outcomes = await everyWay(lines(rig, context));
  expect(outcomes.length).toBeGreaterThan(5);
  // HTTP/2 accepts 64 KiB of headers before a limit applies; then the guard refuses.
  const looked = outcomes.filter(([, { status }]) => !(tooLarge && status === 'TOO_LARGE'));
  for (const [{ name }, { status, challenge, message: words }] of looked) {
    expect(status, name).toBe('UNAUTHENTICATED');
    expect(challenge, name).toBe(reason === 'INVALID_TOKEN' ? 'Bearer error="invalid_token"' : 'Bearer');
    expect(words, name).toContain(reason);
    const kept = messages.get(`${name} ${reason}`) ?? new Set();
    messages.set(`${name} ${reason}`, kept.add(words));
  }
}

describe('a good token passes', () => {
  test.each<[string, (rig: Rig) => string]>([
    ['as issued', ({ login }) => `Bearer ${login.access_token}`],
    ['signed by the published key that the attacks use', ({ mint }) => `Bearer ${mint()}`],
    ['after a scheme in lower case', ({ login }) => `bearer ${login.access_token}`],
    ['after a scheme in upper case and two spaces', ({ login }) => `BEARER  ${login.access_token}`],
    ['for several audiences', ({ claims, mint }) => `Bearer ${mint({ ...claims(), aud: ['another', 'signet'] })}`],
    [
      'with the full typ',
      ({ key, claims, mint }) => `Bearer ${mint(claims(), { ...headerOf(key), typ: 'application/at+jwt' })}`,
    ],
    [
      'with typ in upper case',
      ({ key, claims, mint }) => `Bearer ${mint(claims(), { ...headerOf(key), typ: 'AT+JWT' })}`,
    ],
    ['with unknown claims', ({ claims, mint }) => `Bearer ${mint({ ...claims(), x: { y: [1] } })}`],
    [
      'with the maximal lifetime',
      ({ claims, mint }) => {
        const now = Math.floor(Date.now() / 1_000);
        return `Bearer ${mint({ ...claims(), iat: now, exp: now + 900 })}`;
      },
    ],
  ])('%s', async (_, make) => {
    const outcomes = await everyWay([make(rig)]);
    expect(outcomes.map(([{ name }, { status }]) => [name, status])).toEqual(ways.map(({ name }) => [name, 'OK']));
  });
});

const attacks = [...headerAttacks, ...claimAttacks, ...formAttacks];

describe('over every protocol, refuses', () => {
  test.each(headerAttacks.map((attack) => [attack.name, attack] as const))('header: %s', (_, attack) =>
    expectRefused(attack),
  );
  test.each(claimAttacks.map((attack) => [attack.name, attack] as const))('claims: %s', (_, attack) =>
    expectRefused(attack),
  );
  test.each(formAttacks.map((attack) => [attack.name, attack] as const))('form: %s', (_, attack) =>
    expectRefused(attack),
  );
});

test('more than 75 different attacks ran, over at least eleven protocols and ports', () => {
  expect(new Set(attacks.map(({ name }) => name))).toHaveLength(attacks.length);
  expect(attacks.length).toBeGreaterThanOrEqual(75);
  expect(ways.length).toBeGreaterThanOrEqual(11);
});

test('gives the same message whichever check failed', () => {
  expect(messages.size).toBe(ways.length * 2);
  for (const [way, words] of messages) expect([...words], way).toHaveLength(1);
});

test.each([
  ['the edge', () => rig.edge],
  ['the user service', () => `http://${rig.userTarget}`],
])('refuses a gRPC call with two tokens in its metadata, at %s', async (_, base) => {
  const { access_token: token } = rig.login;
  const way = overHttp2('by hand', base(), grpcCall('/signet.user.v1.UserService/GetProfile'), Buffer.alloc(5));
  expect(await way.send(`Bearer ${token}`)).toMatchObject({ status: 'OK' });
  for (const second of [token, context.other, 'x.y.z'])
    expect(await way.send(`Bearer ${token}`, `Bearer ${second}`)).toMatchObject({ status: 'UNAUTHENTICATED' });
  way.close();
});

test('no connection was made to a key URL from a token', () => {
  expect(trapped).toBe(0);
});

test('accepts a token only in the Authorization header', async () => {
  const { access_token: token } = rig.login;
  const json = { 'content-type': 'application/json' };
  const profile = `${rig.edge}/api/v1/users/profile`;
  const connect = `${rig.edge}/signet.user.v1.UserService/GetProfile`;
  const get = `${connect}?connect=v1&encoding=json&message=%7B%7D`;
  const elsewhere = await Promise.all([
    ask(`${profile}?access_token=${token}`, 'GET'),
    ask(`${profile}?authorization=Bearer%20${token}`, 'GET'),
    ask(`${profile}?access_token=${token}`, 'PATCH', { body: {} }),
    ask(profile, 'PATCH', { body: { access_token: token } }),
    ask(profile, 'PATCH', {
      body: `access_token=${token}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    ask(`${connect}?access_token=${token}`, 'POST', { body: {} }),
    ask(connect, 'POST', { body: { access_token: token } }),
    ask(`${get}&access_token=${token}&authorization=Bearer%20${token}`, 'GET'),
    ...['x-authorization', 'proxy-authorization', 'x-access-token', 'x-signet-token', 'x-forwarded-authorization'].map(
      (name) => ask(profile, 'GET', { headers: { ...json, [name]: `Bearer ${token}` } }),
    ),
    ...['access_token', 'authorization', 'signet_rt', 'SIGNET_AT', '__Host-signet_at'].map((name) =>
      ask(profile, 'GET', { headers: { cookie: `${name}=${token}` } }),
    ),
  ]);
  expect(elsewhere.map(({ status }) => status)).toEqual(elsewhere.map(() => 401));
});
