import { Redis } from 'ioredis';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { RateClassName } from '#kit/contract/rate-class.ts';
import { budgetsOf, type Counted, rateWindow } from './rate-limit.ts';

/** Counts requests by class and address. */
export interface RateCounters {
  count(name: RateClassName, network: string): Promise<Counted>;
  close(): void;
}

/** Longest that a request waits for Redis, ms; beyond it this process counts it by itself. */
const longestWait = 100;

/** Time between attempts to reach Redis again, ms. */
const retryAfter = 1_000;

/** Longest that Redis may take to let us in, ms. */
const longestHandshake = 1_000;

/**
 * Makes counters: in Redis, where all edges share them, or in the memory of this
 * process; in memory, too, for as long as Redis is away. A request waits for Redis
 * once, 100 ms at the most: who does not answer is hung up on, and not asked again
 * before it has let us in anew.
 */
export function createRateCounters(options: {
  readonly redisUrl: Secret | undefined;
  readonly perMinute: number;
  readonly log: Log;
}): RateCounters {
  const { redisUrl, perMinute, log } = options;
  const link = redisUrl && connect(redisUrl, log);
  const budgets = Object.entries(budgetsOf(perMinute)) as [RateClassName, number][];
  const limiters = new Map(
    budgets.map(([name, points]) => {
      const its = { points, duration: rateWindow, keyPrefix: `signet:rate:${name}` };
      const shared = link && new RateLimiterRedis({ ...its, storeClient: link.redis, rejectIfRedisNotReady: true });
      return [name, { shared, own: new RateLimiterMemory(its) }];
    }),
  );
  return {
    async count(name, network) {
      const { shared, own } = limiters.get(name)!;
      if (shared && link?.isThere()) {
        try {
          return await within(longestWait, () => consume(shared, network));
        } catch (error) {
          link.hangUp(error);
        }
      }
      return consume(own, network);
    },
    close: () => link?.redis.disconnect(),
  };
}

/** Takes one request off a budget. @throws what the store says, where it cannot */
async function consume(limiter: RateLimiterAbstract, network: string): Promise<Counted> {
  try {
    const { msBeforeNext, remainingPoints } = await limiter.consume(network);
    return { msBeforeNext, remainingPoints, isOver: false };
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    const { msBeforeNext, remainingPoints } = refusal;
    return { msBeforeNext, remainingPoints, isOver: true };
  }
}

/** Begins work and waits for it. @throws Error where it takes longer than `ms` */
async function within<T>(ms: number, begin: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // A process that was busy sees its timers before its sockets; an answer that is there already is not late.
    timer = setTimeout(() => setImmediate(reject, new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([begin(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function connect(url: Secret, log: Log) {
  const redis = new Redis(url.reveal(), {
    // Those of the handshake; for counting there is `longestWait`.
    commandTimeout: longestHandshake,
    // What cannot be sent now is counted here, and not sent later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => retryAfter,
  });
  let isThere: boolean | undefined;
  const tell = (now: boolean, reason?: string) => {
    if (now === isThere) return;
    isThere = now;
    if (now) log.info('requests are counted in Redis');
    else log.warn({ reason }, 'Redis is away; this process counts requests by itself');
  };
  // Of an error no more than this: Redis's own carry the command that failed, the password in it.
  const told = (error: unknown) => {
    const { code, message } = error as Error & { code?: string };
    tell(false, code ?? message);
  };
  redis.on('ready', () => tell(true));
  redis.on('error', told);
  return {
    redis,
    isThere: () => isThere === true,
    /** Gives up on the connection, and begins another. Many may fail at once; one hangs up. */
    hangUp(error: unknown) {
      if (isThere) redis.disconnect(true);
      told(error);
    },
  };
}
