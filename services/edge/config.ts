import { type Config, key } from '#kit/config/config.ts';
import { jwksKeys, limitKeys, processKeys, serviceKeys, telemetryKeys, tokenKeys } from '#kit/config/shared-keys.ts';
import { networks, oneOf, origins, port, secret, url, whole } from '#kit/config/types.ts';

/** Configuration of the edge. */
export const keys = {
  ...processKeys,
  ...limitKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...serviceKeys,
  port: key('SIGNET_EDGE_PORT', port, { default: '8080', doc: 'The public port: REST, Connect, gRPC-Web and gRPC.' }),
  corsOrigins: key('SIGNET_CORS_ORIGINS', origins, {
    default: '',
    doc: 'Origins whose pages may call the edge with cookies, divided by commas: https://app.example.com.',
  }),
  trustedProxies: key('SIGNET_TRUSTED_PROXIES', networks, {
    default: '',
    doc: 'Proxies whose X-Forwarded-For is believed: addresses or CIDR ranges, divided by commas.',
  }),
  rateLimit: key('SIGNET_RATE_LIMIT', whole(0, 1_000_000), {
    default: '300',
    doc: 'Requests a minute that an address may make at the edge (IPv6: a /64); a third of it of methods that a guesser would repeat, ten times of those that cost next to nothing. 0 is off.',
  }),
  redisUrl: key('REDIS_URL', url('redis', 'rediss').pipe(secret), {
    optional: true,
    doc: 'Where edges share their counters of requests: redis://host:6379. Unset, or away, each counts by itself.',
  }),
  csrf: key('SIGNET_CSRF', oneOf('cookie', 'always'), {
    default: 'cookie',
    doc: '`cookie`: requests that authenticate by cookie need X-CSRF-Token to change anything. `always`: those with an Authorization header too.',
  }),
} as const;

/** The edge's configuration. */
export type EdgeConfig = Config<typeof keys>;
