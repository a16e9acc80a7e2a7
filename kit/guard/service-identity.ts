import { createClient, type Transport } from '@connectrpc/connect';
import { SignJWT } from 'jose';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ServiceTokenService } from '../../gen/proto/signet/auth/v1/service_token_service_pb.ts';
import { checkOptions, func, having } from './options.ts';
import { privateServiceKey, type SecretText } from './service-key.ts';

/** The name of a service, and how it proves it. */
export interface ServiceIdentityOptions {
  /** Its name. */
  readonly name: string;
  /** Its private key: Ed25519, 32 bytes in base64url. */
  readonly key: SecretText;
  /** The issuer of tokens, which is the assertion's audience. */
  readonly issuer: string;
  /** To the auth service, without a caller token: this is how one is got. */
  readonly transport: Transport;
  /** The time, ms since 1970. */
  readonly clock?: () => number;
}

/** A service's own token, got when it is needed. */
export interface ServiceIdentity {
  /** The token to send in x-signet-caller. @throws as the auth service refuses, or SERVICE_UNAVAILABLE */
  token(): Promise<string>;
  /** Says that a token was refused; tells whether another one may be had in its place. */
  refused(token: string): boolean;
}

const identityOptions = z.strictObject({
  name: z.string().min(1, 'must not be empty'),
  key: z.string().or(having('reveal')),
  issuer: z.string().min(1, 'must not be empty'),
  transport: having('unary', 'stream'),
  clock: func.optional(),
});

/** Life of an assertion, s: it is used at once. */
const assertionLife = 30;
/** Share of a token's life after which the next one is asked for. */
const renewAt = 0.8;
/** Wait after a failed renewal, ms, while the token at hand is still good. */
const retryAfter = 1_000;
/** A token that is younger is not given up: another one would be refused, too. */
const leastAge = 1_000;

/**
 * Gets tokens by client credentials with private_key_jwt (RFC 7523): asked for
 * once however many need it, kept, and renewed before it expires; with the auth
 * service away, the one at hand serves until it does.
 * @throws Error on options that are unknown or make no sense
 */
export function createServiceIdentity(options: ServiceIdentityOptions): ServiceIdentity {
  checkOptions('createServiceIdentity', identityOptions, options);
  const { name, issuer, transport, clock = Date.now } = options;
  const client = createClient(ServiceTokenService, transport);
  const key = privateServiceKey(options.key);
  let held: { token: string; since: number; renewAt: number; endsAt: number } | undefined;
  let asking: Promise<string> | undefined;
  let notBefore = -Infinity;
  // The token is for all calls: asking for it must not end with, or carry anything of, the call that first needed it.
  const outsideCalls = AsyncLocalStorage.snapshot();

  async function ask(): Promise<string> {
    const now = Math.floor(clock() / 1_000);
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
    held = { token: accessToken, since: clock(), renewAt: clock() + life * renewAt, endsAt: clock() + life };
    return accessToken;
  }

  function askOnce(): Promise<string> {
    asking ??= outsideCalls(ask).finally(() => (asking = undefined));
    return asking;
  }

  return {
    async token() {
      const now = clock();
      if (!held || now >= held.endsAt) return askOnce();
      if (now >= held.renewAt && now >= notBefore) {
        notBefore = now + retryAfter;
        askOnce().catch(() => undefined);
      }
      return held.token;
    },
    refused(token) {
      if (held?.token !== token) return true;
      if (clock() - held.since < leastAge) return false;
      held = undefined;
      return true;
    },
  };
}
