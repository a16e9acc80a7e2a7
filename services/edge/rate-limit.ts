import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { failure } from '#kit/errors/failure.ts';
import { networkOf } from '#kit/net/network.ts';
import type { Gate } from '#kit/rpc/app.ts';
import { peerKey } from '#kit/rpc/peer.ts';

/** Limits the requests of an address; a method of ours passes here whatever the protocol. */
export function rateLimitGate(perMinute: number): Gate {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return async ({ values }) => {
    try {
      await limiter.consume(networkOf(values.get(peerKey).address));
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes)
        throw failure('RATE_LIMITED', { retryAfter: refusal.msBeforeNext / 1_000 });
      throw refusal;
    }
  };
}
