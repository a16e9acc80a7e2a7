import { Redis } from 'ioredis';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { RateClassName } from '#kit/rpc/rate-class.ts';
import { budgetsOf, type Counted, rateWindow } from './rate-limit.ts';

/** Counts requests by class and address. */
export interface RateCounters {
  count(name: RateClassName, network: string): Promise<Counted>;
  close(): void;
}

/** Longest wait for Redis, ms; beyond it the process counts by itself. */
const longestWait = 100;

/**
 * Makes counters: in Redis, where all edges share them, or in the memory of this
 * process; in memory, too, for as long as Redis is away.
 */
export function createRateCounters(options: {
  readonly redisUrl: Secret | undefined;
  readonly perMinute: number;
  readonly log: Log;
}): RateCounters {
  const { redisUrl, perMinute, log } = options;
  const budgets = Object.entries(budgetsOf(perMinute)) as [RateClassName, number][];
  const redis = redisUrl && connect(redisUrl, log);
  const limiters = new Map<RateClassName, RateLimiterAbstract>(
    budgets.map(([name, points]) => {
      const own = { points, duration: rateWindow, keyPrefix: `signet:rate:${name}` };
      const memory = new RateLimiterMemory(own);
      const shared = () =>
        new RateLimiterRedis({ ...own, storeClient: redis, insuranceLimiter: memory, rejectIfRedisNotReady: true });
      return [name, redis ? shared() : memory];
    }),
  );
  return {
    async count(name, network) {
      try {
        const { msBeforeNext, remainingPoints } = await limiters.get(name)!.consume(network);
        return { msBeforeNext, remainingPoints, isOver: false };
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        const { msBeforeNext, remainingPoints } = refusal;
        return { msBeforeNext, remainingPoints, isOver: true };
      }
    },
    close: () => redis?.disconnect(),
  };
}

function connect(url: Secret, log: Log): Redis {
  const redis = new Redis(url.reveal(), {
    commandTimeout: longestWait,
    // What cannot be sent now is counted here, and not sent later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(1_000, 50 * 2 ** Math.min(attempt, 5)),
  });
  let isThere: boolean | undefined;
  const tell = (now: boolean, reason?: string) => {
    if (now === isThere) return;
    isThere = now;
    if (now) log.info('requests are counted in Redis');
    else log.warn({ reason }, 'Redis is away; this process counts requests by itself');
  };
  redis.on('ready', () => tell(true));
  redis.on('error', ({ code, message }: Error & { code?: string }) => tell(false, code ?? message));
  return redis;
}
