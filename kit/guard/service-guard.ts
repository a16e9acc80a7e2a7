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

/** A service, its key, and its auth service. The options of `createGuard` besides. */
export interface ServiceGuardOptions extends Omit<GuardOptions, 'keys' | 'revocations'> {
  /** The service's name in SIGNET_SERVICES, where its entry has no roles. */
  readonly name: string;
  /** Its private key: `npm run signet -- services keygen <name>` makes one. */
  readonly key: SecretText;
  /** Where the auth service takes gRPC from other services: `http://auth:9081`. */
  readonly authUrl: string | URL;
  /** Where the public keys are. Default: `<issuer>/.well-known/jwks.json`. */
  readonly jwksUrl?: string | URL;
  /** Accepts `http://` to hosts that are neither loopback nor private. */
  readonly insecureHttp?: boolean;
}

/** The guard of a service of the fleet, which knows of revocations. */
export interface ServiceGuard extends Guard {
  /** A transport whose calls carry the service's own token, for calls to other services. */
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

/** Longest wait for a token of the service's own, ms. */
const longestWait = 5_000;
/** A connection on which nothing moves is tried so often, ms. */
const pingEvery = 20_000;

/**
 * Creates the guard of a service that is not ours, by its name and key: it
 * verifies by the auth service's JWKS, and hears of revocations as one of the
 * fleet. Nothing is waited for: `guard.ready()` resolves once it can work, and
 * what keeps it from that is reported (`onTrouble`) and named by `guard.obstacle()`.
 * @throws Error on options that are unknown or make no sense, a key that is none, and `http://` to a public host
 */
export function createServiceGuard(options: ServiceGuardOptions): ServiceGuard {
  checkOptions('createServiceGuard', serviceOptions, options);
  const { name, key, authUrl, jwksUrl, insecureHttp = false, ...rest } = options;
  const { issuer } = rest;
  const baseUrl = safeUrl('The address of the auth service', authUrl, insecureHttp).href;
  const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs: pingEvery });
  const plain = createGrpcTransport({ baseUrl, sessionManager, defaultTimeoutMs: longestWait });
  const identity = createServiceIdentity({ name, key, issuer, transport: plain });
  const keys = remoteJwks({
    url: jwksUrl ?? `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`,
    insecureHttp,
  });
  // A stream lasts: it has no deadline.
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
