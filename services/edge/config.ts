import { type Config, key } from '#kit/config/config.ts';
import {
  jwksKeys,
  limitKeys,
  processKeys,
  serviceKeys,
  telemetryKeys,
  tlsKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { networks, oneOf, origins, port, secret, url, whole } from '#kit/config/types.ts';

/** Configuration keys of the edge. */
export const keys = {
  ...processKeys,
  ...limitKeys,
  ...tlsKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...serviceKeys,
  port: key('SIGNET_EDGE_PORT', port, {
    default: '8080',
    doc: 'Public port of the edge: REST, Connect, gRPC-Web and gRPC.',
  }),
  corsOrigins: key('SIGNET_CORS_ORIGINS', origins, {
    default: '',
    doc: 'Comma-separated origins allowed by CORS, with credentials, such as https://app.example.com.',
  }),
  trustedProxies: key('SIGNET_TRUSTED_PROXIES', networks, {
    default: '',
    doc: 'Comma-separated addresses or CIDR ranges of proxies whose X-Forwarded-For is trusted.',
  }),
  rateLimit: key('SIGNET_RATE_LIMIT', whole(0, 1_000_000), {
    default: '300',
    doc: 'Rate limit of the edge: requests per minute per client address (IPv6: per /64). Methods open to guessing, such as sign-in, get a third of it; cheap methods, such as the JWKS, ten times. 0 turns it off.',
  }),
  rateLimitUser: key('SIGNET_RATE_LIMIT_USER', whole(0, 1_000_000), {
    default: '600',
    doc: 'Rate limit of the edge for a signed-in user, from all addresses together, in addition to SIGNET_RATE_LIMIT: requests per minute, with the same shares for other methods. 0 turns it off.',
  }),
  redisUrl: key('REDIS_URL', url('redis', 'rediss').pipe(secret), {
    optional: true,
    doc: 'Redis server in which edges share rate limit counters: redis://host:6379. Unset or unavailable: each edge counts in its own memory.',
  }),
  csrf: key('SIGNET_CSRF', oneOf('cookie', 'always'), {
    default: 'cookie',
    doc: 'Which state-changing requests need X-CSRF-Token. `cookie`: those authenticated by cookie. `always`: also those with an Authorization header.',
  }),
} as const;

/** The edge's configuration. */
export type EdgeConfig = Config<typeof keys>;
