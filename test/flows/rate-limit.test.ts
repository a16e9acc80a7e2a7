import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { redisProgram, startRedis, type TestRedis } from '#kit/testing/redis.ts';
import { openSystem, type Person, type System } from '../system.ts';

/** The rate limit of every address for standard methods. */
const budget = 6;
const page = 'https://app.example.com';

let system: System;
let person: Person;
beforeAll(async () => {
  system = await openSystem({
    env: {
      SIGNET_RATE_LIMIT: String(budget),
      SIGNET_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8',
      SIGNET_CORS_ORIGINS: page,
    },
  });
  person = await system.person();
});
afterAll(() => system.close());

let addresses = 0;
/** An address that no other test uses. */
const fresh = () => `198.51.100.${++addresses}`;

/** Requests a profile without a token, with one X-Forwarded-For line per value. Returns the status. */
function ask(base: string, ...forwardedFor: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-forwarded-for': forwardedFor as never };
    const sent = request(`${base}/api/v1/users/profile`, { headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** The number of concurrent requests that pass the rate limiter and reach the guard. */
async function passed(count: number, one: (index: number) => Promise<number>): Promise<number> {
  const statuses = await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  expect(statuses.filter((status) => status !== 401 && status !== 429)).toEqual([]);
  return statuses.filter((status) => status === 401).length;
}

describe('responses carry the remaining rate limit', () => {
  /** Makes a call. Returns its headers and whether the rate limiter refused it. */
  type Call = (address: string) => Promise<{ readonly refused: boolean; readonly headers: Headers }>;

  const rest: Call = async (address) => {
    const { status, headers } = await system.rest('GET', '/users/profile', {
      token: person.access,
      headers: { 'x-forwarded-for': address, origin: page },
    });
    const exposed = (headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/, */);
    expect(exposed).toEqual(expect.arrayContaining(['ratelimit', 'ratelimit-policy', 'retry-after']));
    return { refused: status === 429, headers };
  };
  const rpc =
    (transport: () => Transport): Call =>
    async (address) => {
      const sent = { authorization: `Bearer ${person.access}`, 'x-forwarded-for': address };
      let headers = new Headers();
      try {
        const client = createClient(UserService, transport());
        await client.getProfile({}, { headers: sent, onHeader: (given) => (headers = given) });
        return { refused: false, headers };
      } catch (error) {
        const { code, metadata } = ConnectError.from(error);
        expect(code).toBe(Code.ResourceExhausted);
        return { refused: true, headers: metadata };
      }
    };

  test.each([
    ['REST', rest],
    ['Connect', rpc(() => createConnectTransport({ baseUrl: system.edge, httpVersion: '1.1' }))],
    ['gRPC-Web', rpc(() => createGrpcWebTransport({ baseUrl: system.edge, httpVersion: '1.1' }))],
    ['gRPC', rpc(() => createGrpcTransport({ baseUrl: system.edge }))],
  ] satisfies [string, Call][])(
    'over %s, as structured fields (draft-ietf-httpapi-ratelimit-headers), on success and refusal',
    async (_, call) => {
      const address = fresh();
      for (let left = budget - 1; left >= 0; left--) {
        const { refused, headers } = await call(address);
        expect(refused).toBe(false);
        expect(headers.get('ratelimit-policy')).toBe(`"standard";q=${budget};w=60`);
        expect(headers.get('ratelimit')).toMatch(new RegExp(`^"standard";r=${left};t=([1-9]|[1-5]\\d|60)$`));
        expect(headers.get('retry-after')).toBeNull();
      }
      const { refused, headers } = await call(address);
      expect(refused).toBe(true);
      expect(headers.get('ratelimit-policy')).toBe(`"standard";q=${budget};w=60`);
      expect(headers.get('ratelimit')).toMatch(/^"standard";r=0;t=([1-9]|[1-5]\d|60)$/);
      expect(headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/);
    },
  );
});

describe('the client address', () => {
  test.each([
    // CVE-2026-45364: every spelling counted as a new address.
    [
      'an IPv6 /64 in any spelling',
      ['2001:db8::1', '2001:DB8:0:0::2', '2001:0db8:0000:0000:ffff::', '[2001:db8::3]:443', '2001:db8::4%eth0'],
    ],
    [
      'an IPv4 address and the same mapped to IPv6',
      ['192.0.2.9', '::ffff:192.0.2.9', '::FFFF:C000:209', '192.0.2.9:81'],
    ],
    [
      'the address that a proxy saw, whatever precedes it',
      ['1.1.1.1, 192.0.2.10', '2.2.2.2,192.0.2.10', 'x, ,192.0.2.10'],
    ],
    [
      'the address that the first trusted proxy saw',
      ['1.1.1.1, 192.0.2.11, 10.0.0.5', '2.2.2.2, 192.0.2.11, 10.9.9.9'],
    ],
    [
      'invalid addresses from a proxy',
      ['unknown', 'x, 10.0.0.7', '0x7f000001', '::g', '127.0.0.1, _a'].map((x) => `${x}, 10.0.0.7`),
    ],
  ])('is the same for %s', async (_, spellings) => {
    const spelling = (index: number) => spellings[index % spellings.length] ?? '';
    expect(await passed(40, (index) => ask(system.edge, spelling(index)))).toBe(budget);
  });

  test('is the same for distinct invalid addresses from a proxy', async () => {
    expect(await passed(40, (index) => ask(system.edge, `nonsense-${index}`))).toBe(budget);
  });

  test('comes from the last of two X-Forwarded-For lines', async () => {
    const address = fresh();
    expect(await passed(40, (index) => ask(system.edge, `203.0.113.${index}`, address))).toBe(budget);
  });

  test('differs for another /64', async () => {
    expect(await passed(20, () => ask(system.edge, '2001:db8:0:1::1'))).toBe(budget);
    expect(await passed(20, () => ask(system.edge, '2001:db8:0:2::1'))).toBe(budget);
  });

  test('ignores X-Forwarded-For from an untrusted peer', async () => {
    const open = await openSystem({
      env: { SIGNET_RATE_LIMIT: String(budget), SIGNET_TRUSTED_PROXIES: '10.0.0.1, ::1' },
    });
    expect(await passed(40, (index) => ask(open.edge, `203.0.113.${index}`))).toBe(budget);
    await open.close();
  });
});

describeWith([redisProgram], 'two edges with one Redis', () => {
  let redis: TestRedis;
  let edges: readonly [System, System];
  beforeAll(async () => {
    redis = await startRedis();
    const environment = {
      SIGNET_RATE_LIMIT: '30',
      SIGNET_TRUSTED_PROXIES: '127.0.0.1',
      REDIS_URL: redis.url.reveal(),
    };
    edges = await Promise.all([openSystem({ env: environment }), openSystem({ env: environment })]);
  });
  afterAll(async () => {
    for (const edge of edges) await edge.close();
    await redis.close();
  });
  /** Waits until both edges have connected to Redis the given number of times. */
  const together = async (times: number) => {
    for (const { logged } of edges)
      await expect.poll(() => logged().split('counting requests in Redis').length - 1).toBe(times);
  };
  const either = (index: number) => (index % 2 === 0 ? edges[0] : edges[1]).edge;

  test('share the limit of an address', async () => {
    await together(1);
    const address = fresh();
    expect(await passed(60, (index) => ask(either(index), address))).toBe(30);
    expect(await passed(60, (index) => ask(either(index), `::ffff:${address}`))).toBe(0);
  });

  test('apply the limit separately while Redis does not respond, and share it again afterwards', async () => {
    await together(1);
    redis.pause();
    const address = fresh();
    for (const { edge } of edges) expect(await passed(100, () => ask(edge, address))).toBe(30);
    redis.resume();
    await together(2);
    const other = fresh();
    expect(await passed(60, (index) => ask(either(index), other))).toBe(30);
  });
});
