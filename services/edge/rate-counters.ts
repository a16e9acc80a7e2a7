import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { type Budgets, type Counted, type RateName, rateWindow } from './rate-limit.ts';

/** Counts requests by limit, and by address or user. */
export interface RateCounters {
  /** @param key the network of the address, or the user's id */
  count(name: RateName, key: string): Promise<Counted>;
  close(): void;
}

/** Maximum time that a request waits for Redis, ms; then this process counts it in memory. */
const countTimeout = 100;

/** Delay between reconnects to Redis, ms. */
const reconnectDelay = 1_000;

/** Timeout of commands during the handshake with Redis, ms. */
const handshakeTimeout = 1_000;

/**
 * Creates the counters: in Redis, shared by all edges, or in this process's
 * memory, also while Redis is unavailable. A request waits at most 100 ms for
 * Redis. After a timeout the connection is closed, and Redis is not used until the
 * client has reconnected.
 */
export async function createRateCounters(options: {
  readonly redisUrl: Secret | undefined;
  readonly budgets: Budgets;
  readonly log: Log;
  readonly metrics: Pick<ServiceMetrics, 'watch'>;
}): Promise<RateCounters> {
  const { redisUrl, budgets, log, metrics } = options;
  const link = redisUrl && (await connect(redisUrl, log));
  if (link) metrics.watch('signet_redis_available', () => Number(link.isAvailable()));
  const limiters = new Map(
    (Object.entries(budgets) as [RateName, number][]).map(([name, points]) => {
      const base = { points, duration: rateWindow, keyPrefix: `signet:rate:${name}` };
      const shared = link && new RateLimiterRedis({ ...base, storeClient: link.redis, rejectIfRedisNotReady: true });
      return [name, { shared, local: new RateLimiterMemory(base) }];
    }),
  );
  return {
    async count(name, key) {
      const { shared, local } = limiters.get(name)!;
      if (shared && link?.isAvailable()) {
        try {
          return await within(countTimeout, () => consume(shared, key));
        } catch (error) {
          link.reconnect(error);
        }
      }
      return consume(local, key);
    },
    close: () => link?.redis.disconnect(),
  };
}

/** Counts one request. @throws the store's error if it fails */
async function consume(limiter: RateLimiterAbstract, key: string): Promise<Counted> {
  try {
    const { msBeforeNext, remainingPoints } = await limiter.consume(key);
    return { msBeforeNext, remainingPoints, isOver: false };
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    const { msBeforeNext, remainingPoints } = refusal;
    return { msBeforeNext, remainingPoints, isOver: true };
  }
}

/** Runs work with a timeout. @throws Error after `ms` */
async function within<T>(ms: number, begin: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // After a busy event loop, timers run before sockets: setImmediate lets a response that has arrived win.
    timer = setTimeout(() => setImmediate(reject, new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([begin(), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function connect(url: Secret, log: Log) {
  // Imported here: 50 files, which an edge that counts in memory does not need.
  const { Redis } = await import('ioredis');
  const redis = new Redis(url.reveal(), {
    // For the handshake; counting has the shorter `countTimeout`.
    commandTimeout: handshakeTimeout,
    // A request that cannot be sent is counted in memory and must not be sent later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => reconnectDelay,
  });
  let isAvailable: boolean | undefined;
  const setAvailable = (now: boolean, reason?: string) => {
    if (now === isAvailable) return;
    isAvailable = now;
    if (now) log.info('counting requests in Redis');
    else log.warn({ reason }, 'Redis is unavailable; counting requests in memory');
  };
  // Logs only code or message: Redis errors contain the failed command, which may have the password.
  const onError = (error: unknown) => {
    const { code, message } = error as Error & { code?: string };
    setAvailable(false, code ?? message);
  };
  redis.on('ready', () => setAvailable(true));
  redis.on('error', onError);
  return {
    redis,
    isAvailable: () => isAvailable === true,
    /** Closes the connection and reconnects. Of several concurrent failures, only the first disconnects. */
    reconnect(error: unknown) {
      if (isAvailable) redis.disconnect(true);
      onError(error);
    },
  };
}
