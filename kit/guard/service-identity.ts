import { createClient, type Transport } from '@connectrpc/connect';
import { SignJWT } from 'jose';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ServiceTokenService } from '../../gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { metadataOf } from './error.ts';
import { checkOptions, func, having } from './options.ts';
import { createServerTime } from './server-time.ts';
import { privateServiceKey, type SecretText } from './service-key.ts';

/** A service's name and credentials. */
export interface ServiceIdentityOptions {
  /** The service's name. */
  readonly name: string;
  /** The service's private key: Ed25519, 32 bytes in base64url. */
  readonly key: SecretText;
  /** The token issuer, used as the assertion's audience. */
  readonly issuer: string;
  /** Transport to the auth service, without a caller token (it serves to get one). */
  readonly transport: Transport;
  /** The time, ms since 1970. Default: this machine's, corrected by the auth service's if that refuses it. */
  readonly clock?: () => number;
}

/** A service's own token, requested on demand. */
export interface ServiceIdentity {
  /** Returns the token to send in x-signet-caller. @throws the auth service's refusal, or SERVICE_UNAVAILABLE */
  token(): Promise<string>;
  /** Reports that a token was refused. Returns whether a retry with a new token makes sense. */
  refused(token: string): boolean;
}

const identityOptions = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  key: z.string().or(having('reveal')),
  issuer: z.string().min(1, 'must not be empty'),
  transport: having('unary', 'stream'),
  clock: func.optional(),
});

/** Lifetime of an assertion, s. It is used at once. */
const assertionLife = 30;
/** Share of a token's lifetime after which it is renewed. */
const renewAt = 0.8;
/** Delay after a failed renewal, ms, while the current token is valid. */
const retryAfter = 1_000;
/** A younger token is not replaced after a refusal, because a new one would be refused too, ms. */
const minimumAge = 1_000;

/**
 * Creates a service identity, which gets tokens by the client credentials grant
 * with private_key_jwt (RFC 7523). Concurrent calls share one request. The token is
 * cached and renewed before it expires; if the auth service is unavailable, the
 * current token is used until it expires. If the auth service refuses only the times
 * of the assertion, the request is repeated with the auth service's time.
 * @throws Error on unknown or invalid options
 */
export function createServiceIdentity(options: ServiceIdentityOptions): ServiceIdentity {
  checkOptions('createServiceIdentity', identityOptions, options);
  const { name, issuer, transport } = options;
  const time = createServerTime(options.clock ? { wall: options.clock } : {});
  // Lifetimes are measured by the monotonic clock: this machine's may be set at any time.
  const elapsed = options.clock ?? (() => performance.now());
  const client = createClient(ServiceTokenService, transport);
  const key = privateServiceKey(options.key);
  let held: { token: string; since: number; renewAt: number; endsAt: number } | undefined;
  let requesting: Promise<string> | undefined;
  let notBefore = -Infinity;
  // The token is shared by all calls: the request must not inherit the deadline or context of the call that starts it.
  const outsideCalls = AsyncLocalStorage.snapshot();

  async function request(): Promise<string> {
    try {
      return await requestAt(time.now());
    } catch (error) {
      const serverTime = Date.parse(metadataOf(error)?.['server_time'] ?? '');
      if (Number.isNaN(serverTime)) throw error;
      time.sample(serverTime);
      return requestAt(time.now());
    }
  }

  /** @param at time of the assertion, ms since 1970 */
  async function requestAt(at: number): Promise<string> {
    const now = Math.floor(at / 1_000);
    const clientAssertion = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setIssuer(name)
      .setSubject(name)
      .setAudience(issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + assertionLife)
      .sign(key);
    const { accessToken, expiresIn } = await client.issueServiceToken({
      grantType: 'client_credentials',
      clientAssertionType: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      clientAssertion,
    });
    const life = expiresIn * 1_000;
    const since = elapsed();
    held = { token: accessToken, since, renewAt: since + life * renewAt, endsAt: since + life };
    return accessToken;
  }

  function requestOnce(): Promise<string> {
    requesting ??= outsideCalls(request).finally(() => (requesting = undefined));
    return requesting;
  }

  return {
    async token() {
      const now = elapsed();
      if (!held || now >= held.endsAt) return requestOnce();
      if (now >= held.renewAt && now >= notBefore) {
        notBefore = now + retryAfter;
        requestOnce().catch(() => undefined);
      }
      return held.token;
    },
    refused(token) {
      if (held?.token !== token) return true;
      if (elapsed() - held.since < minimumAge) return false;
      held = undefined;
      return true;
    },
  };
}
