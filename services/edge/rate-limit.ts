import type { RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '#kit/errors/failure.ts';
import { networkOf } from '#kit/net/network.ts';
import type { AskedGate } from '#kit/call/asked.ts';
import { peerKey } from '#kit/call/peer.ts';
import type { RateClassName } from '#kit/contract/rate-class.ts';
import type { RateCounters } from './rate-counters.ts';

/** Time that a budget is for, s. */
export const rateWindow = 60;

/** Requests of each class that an address may make in that time, where a standard method has so many. */
export function budgetsOf(perMinute: number): Readonly<Record<RateClassName, number>> {
  return { standard: perMinute, credentials: Math.max(1, Math.floor(perMinute / 3)), light: perMinute * 10 };
}

/** The limits of an edge. */
export interface RateLimit {
  /** Limits requests by their class, which a method's definition declares, whatever the protocol. */
  readonly gate: AskedGate;
  /** Counts a request that is no call, as light. Answers its headers. @throws RATE_LIMITED */
  light(address: string): Promise<Readonly<Record<string, string>>>;
}

/**
 * Limits the requests of an address. Every answer says how much is left
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

/** What the limiter found. */
export interface Counted extends Pick<RateLimiterRes, 'msBeforeNext' | 'remainingPoints'> {
  readonly isOver: boolean;
}
