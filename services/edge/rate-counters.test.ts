import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { createLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { redisProgram, startRedis, type TestRedis } from '#kit/testing/redis.ts';
import { createMetrics } from '#kit/telemetry/metrics.ts';
import { createRateCounters, type RateCounters } from './rate-counters.ts';
import { allBudgets, type RateName } from './rate-limit.ts';

/** Counters of one edge, with their log and metrics. */
interface Counting extends RateCounters {
  logged(): string;
  /** The sample of `signet_redis_available`. */
  available(): Promise<string | undefined>;
}

const open: RateCounters[] = [];
afterEach(() => {
  for (const counters of open.splice(0)) counters.close();
});

async function counting(redisUrl: Secret, perMinute: number): Promise<Counting> {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', format: 'json', destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics();
  const counters = await createRateCounters({
    redisUrl,
    budgets: allBudgets({ perAddress: perMinute, perUser: perMinute }),
    log,
    metrics: metrics.of('edge'),
  });
  open.push(counters);
  return {
    ...counters,
    logged: () => lines.join(''),
    available: async () => /^signet_redis_available\{service="edge"\} (.+)$/m.exec(await metrics.text())?.[1],
  };
}

/** Connected counters. */
async function connected(redisUrl: Secret, perMinute: number): Promise<Counting> {
  const counters = await counting(redisUrl, perMinute);
  await expect.poll(counters.logged).toContain('counting requests in Redis');
  return counters;
}

/** Sends concurrent requests. Returns how many pass, and the longest duration, ms. */
async function passed(count: number, ask: (index: number) => ReturnType<RateCounters['count']>) {
  const began = performance.now();
  const counted = await Promise.all(Array.from({ length: count }, (_, index) => ask(index)));
  return { through: counted.filter(({ isOver }) => !isOver).length, slowest: performance.now() - began };
}

let addresses = 0;
/** Returns a new address. */
const fresh = () => `192.0.2.${++addresses}`;

describeWith([redisProgram], 'counters in Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  test('two edges share one limit exactly', async () => {
    const edges = [await connected(redis.url, 50), await connected(redis.url, 50)] as const;
    const address = fresh();
    const { through } = await passed(200, (index) => edges[index % 2 === 0 ? 0 : 1].count('standard', address));
    expect(through).toBe(50);
    const again = await edges[1].count('standard', address);
    expect(again).toMatchObject({ isOver: true, remainingPoints: 0 });
    expect(again.msBeforeNext).toBeGreaterThan(0);
    expect(again.msBeforeNext).toBeLessThanOrEqual(60_000);
  });

  test('counts each class, address and user separately', async () => {
    const edges = [await connected(redis.url, 30), await connected(redis.url, 30)] as const;
    const address = fresh();
    const through = async (name: RateName, from: string) =>
      (await passed(60, (index) => edges[index % 2 === 0 ? 0 : 1].count(name, from))).through;
    expect(await through('credentials', address)).toBe(10);
    expect(await through('standard', address)).toBe(30);
    expect(await through('standard', fresh())).toBe(30);
    // A user's id that looks like an address is another counter.
    expect(await through('user-standard', address)).toBe(30);
  });

  test('a busy event loop does not turn a timely response into a timeout', async () => {
    const edge = await connected(redis.url, 10);
    const address = fresh();
    const asked = passed(20, () => edge.count('standard', address));
    // The requests are sent; then the event loop blocks for longer than the timeout.
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + 300;
    while (performance.now() < until);
    expect((await asked).through).toBe(10);
    expect(edge.logged()).not.toContain('Redis is unavailable');
  });
});

describeWith([redisProgram], 'counters whose Redis becomes unavailable', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());

  /** The timeout, plus a margin for a busy test machine. */
  const bound = 1_000;

  test.each([
    ['stopped', () => redis.stop(), () => redis.start()],
    ['killed', () => redis.kill(), () => redis.start()],
    ['paused with open connections', async () => redis.pause(), async () => redis.resume()],
  ])('Redis %s: each edge soon counts in memory, and in Redis again when it is back', async (_, away, back) => {
    const edges = [await connected(redis.url, 20), await connected(redis.url, 20)] as const;
    await away();
    const address = fresh();
    for (const edge of edges) {
      const { through, slowest } = await passed(200, () => edge.count('standard', address));
      expect(through).toBe(20);
      expect(slowest).toBeLessThan(bound);
      // Sequentially they would take 10 s if each waited for Redis.
      const began = performance.now();
      for (let count = 0; count < 100; count++) await edge.count('standard', address);
      expect(performance.now() - began).toBeLessThan(bound);
      await expect.poll(edge.logged).toContain('Redis is unavailable');
      expect(await edge.available()).toBe('0');
    }
    await back();
    for (const edge of edges)
      await expect.poll(() => edge.logged().split('counting requests in Redis').length - 1).toBe(2);
    expect(await Promise.all(edges.map((edge) => edge.available()))).toEqual(['1', '1']);
    const shared = fresh();
    const { through } = await passed(200, (index) => edges[index % 2 === 0 ? 0 : 1].count('standard', shared));
    expect(through).toBe(20);
  });

  test('a Redis that rejects writes is logged as unavailable with the reason', async () => {
    const edge = await connected(redis.url, 20);
    await refuseWrites(redis.port);
    const address = fresh();
    expect((await passed(50, () => edge.count('standard', address))).through).toBe(20);
    expect(edge.logged()).toMatch(/"reason":"[^"]*NOREPLICAS[^"]*"/);
  });
});

/** Makes a Redis reject writes, as one without its replicas does. */
async function refuseWrites(port: number): Promise<void> {
  const operator = new Redis(port, '127.0.0.1');
  await operator.config('SET', 'min-replicas-to-write', '1');
  operator.disconnect();
}

describeWith([redisProgram], 'counters whose Redis requires a password', () => {
  let redis: TestRedis;
  const password = 'p-9f8e7d6c5b4a';
  beforeAll(async () => {
    redis = await startRedis({ password });
  });
  afterAll(() => redis.close());

  test('counts with the correct password, without logging it', async () => {
    const edge = await connected(redis.url, 10);
    expect(edge.logged()).not.toContain(password);
  });

  test.each([
    ['a wrong password', ':wrong-0a1b2c@', /WRONGPASS/],
    ['no password', '', /NOAUTH/],
  ])('with %s, log the reason without the password, and count in memory', async (_, credentials, reason) => {
    const edge = await counting(new Secret(`redis://${credentials}127.0.0.1:${redis.port}`), 10);
    await expect.poll(edge.logged).toContain('Redis is unavailable');
    expect(edge.logged()).toMatch(reason);
    expect(edge.logged()).not.toContain('wrong-0a1b2c');
    const address = fresh();
    const { through, slowest } = await passed(50, () => edge.count('standard', address));
    expect(through).toBe(10);
    expect(slowest).toBeLessThan(1_000);
  });
});

test('counts in memory if Redis is unreachable, and logs the reason', async () => {
  // No process listens on port 1.
  const edge = await counting(new Secret('redis://127.0.0.1:1'), 10);
  expect((await passed(50, () => edge.count('standard', '192.0.2.1'))).through).toBe(10);
  await expect.poll(edge.logged).toContain('"reason":"ECONNREFUSED"');
});
