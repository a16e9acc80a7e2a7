import type { RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '#kit/errors/failure.ts';
import { identityOf } from '#kit/guard/connect.ts';
import { networkOf } from '#kit/net/network.ts';
import type { GateCheck } from '#kit/call/gate-check.ts';
import { peerKey } from '#kit/call/peer.ts';
import type { RateClassName } from '#kit/contract/rate-class.ts';
import type { RateCounters } from './rate-counters.ts';

/** Window of the rate limit, s. */
export const rateWindow = 60;

/** A rate limit by name: a rate class per client address, or per signed-in user. */
export type RateName = RateClassName | `user-${RateClassName}`;

/** Standard limits in requests per minute; 0 is off. */
export interface RateLimits {
  readonly perAddress: number;
  readonly perUser: number;
}

/** Requests per window by limit. A limit that is off has none. */
export type Budgets = Readonly<Partial<Record<RateName, number>>>;

/** The limit of each rate class for a standard limit of `perMinute`. */
export function budgetsOf(perMinute: number): Readonly<Record<RateClassName, number>> {
  return { standard: perMinute, credentials: Math.max(1, Math.floor(perMinute / 3)), light: perMinute * 10 };
}

/** The limits of addresses and users that are on. */
export function allBudgets({ perAddress, perUser }: RateLimits): Budgets {
  const users = Object.entries(budgetsOf(perUser)).map(([name, limit]) => [`user-${name}`, limit]);
  return { ...(perAddress > 0 && budgetsOf(perAddress)), ...(perUser > 0 && Object.fromEntries(users)) };
}

/** Response headers by name. */
type RateHeaders = Readonly<Record<string, string>>;

function state(headers: RateHeaders, responseHeader: Headers): void {
  for (const [header, value] of Object.entries(headers)) responseHeader.set(header, value);
}

/** The rate limiter of an edge. */
export interface RateLimit {
  /** Limits the requests of an address by the rate class of their method, on all protocols. Runs before the guard. */
  readonly addressGate: GateCheck;
  /**
   * Limits the requests of a signed-in user, from any number of addresses. Runs after the guard, so that only a verified
   * token counts.
   */
  readonly userGate: GateCheck;
  /** Counts a request that is not a call in the light class. Returns the response headers. @throws RATE_LIMITED */
  light(address: string): Promise<RateHeaders>;
}

/**
 * Creates the rate limiter. Every response states the remaining requests
 * (draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy`, `RateLimit`), of the
 * address first, then of the user.
 */
export function createRateLimit(counters: RateCounters, budgets: Budgets): RateLimit {
  /** @param before headers of the limits counted before, which the response states too */
  async function take(name: RateName, key: string, before?: Headers): Promise<RateHeaders> {
    if (budgets[name] === undefined) return {};
    const counted = await counters.count(name, key);
    const reset = Math.ceil(counted.msBeforeNext / 1_000);
    const stated = (header: string, item: string) => [before?.get(header), item].filter(Boolean).join(', ');
    const headers = {
      'ratelimit-policy': stated('ratelimit-policy', `"${name}";q=${budgets[name]};w=${rateWindow}`),
      ratelimit: stated('ratelimit', `"${name}";r=${Math.max(0, counted.remainingPoints)};t=${reset}`),
    };
    if (!counted.isOver) return headers;
    // The error carries them all: RPC errors add the response's headers to their own.
    for (const header of Object.keys(headers)) before?.delete(header);
    throw failure('RATE_LIMITED', { retryAfter: counted.msBeforeNext / 1_000, headers });
  }
  return {
    async addressGate({ rate, values, responseHeader }) {
      state(await take(rate, networkOf(values.get(peerKey).address)), responseHeader);
    },
    async userGate({ rate, values, responseHeader }) {
      const { user } = identityOf(values);
      if (user) state(await take(`user-${rate}`, user.subject, responseHeader), responseHeader);
    },
    light: (address) => take('light', networkOf(address)),
  };
}

/** Result of counting a request. */
export interface Counted extends Pick<RateLimiterRes, 'msBeforeNext' | 'remainingPoints'> {
  readonly isOver: boolean;
}
