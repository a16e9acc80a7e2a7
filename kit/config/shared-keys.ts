import { key } from './config.ts';
import { baseUrl, headers, oneOf, port, secret, serviceKey, share, text, url, whole } from './types.ts';

/** Keys that every service has. */
export const processKeys = {
  host: key('SIGNET_HOST', text, {
    default: '127.0.0.1',
    doc: 'Address that ports are opened on. In a container: 0.0.0.0.',
  }),
  logLevel: key('SIGNET_LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), {
    default: 'info',
    doc: 'The least severe log lines that are written.',
  }),
  logFormat: key('SIGNET_LOG_FORMAT', oneOf('pretty', 'json'), {
    optional: true,
    doc: 'Lines for people (`pretty`) or for machines (`json`). Unset: `pretty` on a terminal, `json` elsewhere.',
  }),
  environment: key('NODE_ENV', text, {
    default: 'development',
    doc: '`production` turns reflection off.',
  }),
} as const;

/** Keys of every service that has ports: what may be open at once. */
export const limitKeys = {
  connectionLimit: key('SIGNET_CONNECTION_LIMIT', whole(1, 1_000_000), {
    default: '10000',
    doc: 'Connections that all ports of a service take at once. One more is closed.',
  }),
  connectionLimitAddress: key('SIGNET_CONNECTION_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '256',
    doc: 'Connections of one address (IPv6: a /64) among them. Of proxies in SIGNET_TRUSTED_PROXIES only the total counts.',
  }),
  streamLimit: key('SIGNET_STREAM_LIMIT', whole(1, 1_000_000), {
    default: '2000',
    doc: 'Streaming calls that a service has open at once; internal ones are counted apart. One more is RATE_LIMITED.',
  }),
  streamLimitAddress: key('SIGNET_STREAM_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '32',
    doc: 'Streaming calls of one address (IPv6: a /64) among them; those of internal methods do not count.',
  }),
} as const;

/** Keys by which a process tells operators how it is. */
export const telemetryKeys = {
  metricsPort: key('SIGNET_METRICS_PORT', port, {
    optional: true,
    doc: 'Port of `GET /metrics`, for Prometheus, on SIGNET_HOST. Unset, there is none. Keep it from the public.',
  }),
  traceEndpoint: key('OTEL_EXPORTER_OTLP_ENDPOINT', url('http', 'https'), {
    optional: true,
    doc: 'Where traces go: the base URL of an OTLP/HTTP collector, such as http://localhost:4318. Unset, none are recorded.',
  }),
  traceHeaders: key('OTEL_EXPORTER_OTLP_HEADERS', headers, {
    default: ',',
    doc: 'Headers that the collector asks for: `name=value`, divided by commas, values percent-encoded.',
  }),
  traceShare: key('OTEL_TRACES_SAMPLER_ARG', share, {
    default: '1',
    doc: 'Share of the traces that begin here and are recorded, from 0 to 1. One that a caller began is recorded if the caller records it.',
  }),
} as const;

/** Keys of every service that verifies tokens. */
export const tokenKeys = {
  issuer: key('SIGNET_ISSUER', baseUrl, {
    default: 'http://localhost:8080',
    doc: 'Where users reach the edge, and the `iss` of every token. On plain-HTTP localhost, cookies do without Secure and the __Host- prefix.',
  }),
  audience: key('SIGNET_AUDIENCE', text, {
    default: 'signet',
    doc: 'The `aud` of every access token.',
  }),
  alg: key('SIGNET_ALG', oneOf('RS256', 'PS256', 'ES256', 'EdDSA'), {
    default: 'RS256',
    doc: 'How access tokens are signed. Verifiers accept this one and no other.',
  }),
} as const;

/** Key of every service that verifies tokens that another process signs. */
export const jwksKeys = {
  jwksUrl: key('SIGNET_JWKS_URL', url('http', 'https'), {
    default: 'http://localhost:8081/.well-known/jwks.json',
    doc: 'Where verifiers get the public keys: the auth service.',
  }),
  jwksHttp: key('SIGNET_JWKS_HTTP', oneOf('private', 'any'), {
    default: 'private',
    doc: 'Where SIGNET_JWKS_URL may be http://. `private`: on this machine and on private networks. `any`: everywhere, though whoever is on the way can replace the keys.',
  }),
} as const;

/** Key of every service that calls another. */
export const serviceKeys = {
  serviceKey: key('SIGNET_SERVICE_KEY', serviceKey, {
    doc: "The service's private key, by which it proves to the auth service who it is: `npm run signet -- services keygen <name>` makes one. `npm start` makes its own.",
  }),
} as const;

/** Key of every service that has data. */
export const databaseKeys = {
  databaseUrl: key('DATABASE_URL', url('postgres', 'postgresql').pipe(secret), {
    doc: 'The PostgreSQL database. Unset, `npm start` runs one of its own in the data directory.',
  }),
} as const;
