import type { RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '#kit/errors/failure.ts';
import { networkOf } from '#kit/net/network.ts';
import type { GateCheck } from '#kit/call/gate-check.ts';
import { peerKey } from '#kit/call/peer.ts';
import type { RateClassName } from '#kit/contract/rate-class.ts';
import type { RateCounters } from './rate-counters.ts';

/** Window of the rate limit, s. */
export const rateWindow = 60;

/** The limit of each rate class for a standard limit of `perMinute`. */
export function budgetsOf(perMinute: number): Readonly<Record<RateClassName, number>> {
  return { standard: perMinute, credentials: Math.max(1, Math.floor(perMinute / 3)), light: perMinute * 10 };
}

/** The rate limiter of an edge. */
export interface RateLimit {
  /** Limits requests by the rate class of their method, on all protocols. */
  readonly gate: GateCheck;
  /** Counts a request that is not a call in the light class. Returns the response headers. @throws RATE_LIMITED */
  light(address: string): Promise<Readonly<Record<string, string>>>;
}

/**
 * Creates the rate limiter. Every response states the remaining requests
 * (draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy`, `RateLimit`).
 */
export function createRateLimit(counters: RateCounters, perMinute: number): RateLimit {
  const budgets = budgetsOf(perMinute);

  async function take(name: RateClassName, address: string): Promise<Record<string, string>> {
    const counted = await counters.count(name, networkOf(address));
    const reset = Math.ceil(counted.msBeforeNext / 1_000);
    const headers = {
      'ratelimit-policy': `"${name}";q=${budgets[name]};w=${rateWindow}`,
      ratelimit: `"${name}";r=${Math.max(0, counted.remainingPoints)};t=${reset}`,
    };
    if (counted.isOver) throw failure('RATE_LIMITED', { retryAfter: counted.msBeforeNext / 1_000, headers });
    return headers;
  }

  return {
    async gate({ rate, values, responseHeader }) {
      const headers = await take(rate, values.get(peerKey).address);
      for (const [header, value] of Object.entries(headers)) responseHeader.set(header, value);
    },
    light: (address) => take('light', address),
  };
}

/** Result of counting a request. */
export interface Counted extends Pick<RateLimiterRes, 'msBeforeNext' | 'remainingPoints'> {
  readonly isOver: boolean;
}
