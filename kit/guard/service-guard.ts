import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { z } from 'zod';
import { asService } from './as-service.ts';
import { createGuard, type Guard, type GuardOptions, guardOptions } from './guard.ts';
import { remoteJwks } from './jwks.ts';
import { checkOptions, having } from './options.ts';
import { safeUrl } from './plain-http.ts';
import { watchRevocations } from './revocation-feed.ts';
import { createServiceIdentity } from './service-identity.ts';
import type { SecretText } from './service-key.ts';

/** A service, its key and its auth service, and the options of `createGuard`. */
export interface ServiceGuardOptions extends Omit<GuardOptions, 'keys' | 'revocations'> {
  /** The service's name in SIGNET_SERVICES. Its entry must not have roles. */
  readonly name: string;
  /** The service's private key. `npm run signet -- services keygen <name>` creates one. */
  readonly key: SecretText;
  /** URL of the auth service's internal gRPC port: `http://auth:9081`. */
  readonly authUrl: string | URL;
  /** URL of the public keys. Default: `<issuer>/.well-known/jwks.json`. */
  readonly jwksUrl?: string | URL;
  /** Accepts `http://` to hosts that are neither loopback nor private. */
  readonly insecureHttp?: boolean;
}

/** The guard of a service of the fleet, with a revocation feed. */
export interface ServiceGuard extends Guard {
  /** Returns a transport that sends the service's own token, for calls to other services. */
  asService(transport: Transport): Transport;
}

const address = z.string().or(z.instanceof(URL));
const serviceOptions = guardOptions.omit({ keys: true, revocations: true }).extend({
  name: z.string().min(1, 'must not be empty'),
  key: z.string().or(having('reveal')),
  authUrl: address,
  jwksUrl: address.optional(),
  insecureHttp: z.boolean().optional(),
});

/** Timeout of getting the service's own token, ms. */
const tokenTimeout = 5_000;
/** Ping interval of an idle connection, ms. */
const pingEvery = 20_000;

/**
 * Creates the guard of a third-party service from the service's name and key. It
 * verifies tokens with the auth service's JWKS and watches revocations as a
 * service of the fleet. It returns at once: `guard.ready()` resolves when the
 * guard can work; until then `onTrouble` and `guard.obstacle()` report what is
 * missing.
 * @throws Error on unknown or invalid options, an invalid key, and `http://` to a public host
 */
export function createServiceGuard(options: ServiceGuardOptions): ServiceGuard {
  checkOptions('createServiceGuard', serviceOptions, options);
  const { name, key, authUrl, jwksUrl, insecureHttp = false, ...rest } = options;
  const { issuer } = rest;
  const baseUrl = safeUrl('The URL of the auth service', authUrl, insecureHttp).href;
  const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs: pingEvery });
  const plain = createGrpcTransport({ baseUrl, sessionManager, defaultTimeoutMs: tokenTimeout });
  const identity = createServiceIdentity({ name, key, issuer, transport: plain });
  const keys = remoteJwks({
    url: jwksUrl ?? `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`,
    insecureHttp,
  });
  // Without a timeout, for the long-lived revocation stream.
  const transport = asService(createGrpcTransport({ baseUrl, sessionManager }), identity);
  const revocations = watchRevocations({ transport });
  const closeAll = () => {
    keys.close();
    revocations.close();
    sessionManager.abort();
  };
  try {
    const guard = createGuard({ ...rest, keys, revocations });
    return {
      ...guard,
      asService: (to) => asService(to, identity),
      close() {
        guard.close();
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}
