import { key } from './config.ts';
import { baseUrl, headers, oneOf, port, secret, serviceKey, share, text, url, whole } from './types.ts';

/** Keys that every service has. */
export const processKeys = {
  host: key('SIGNET_HOST', text, {
    default: '127.0.0.1',
    doc: 'Listen address of all ports. In a container: 0.0.0.0.',
  }),
  logLevel: key('SIGNET_LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), {
    default: 'info',
    doc: 'Minimum log level.',
  }),
  logFormat: key('SIGNET_LOG_FORMAT', oneOf('pretty', 'json'), {
    optional: true,
    doc: 'Log format: `pretty` or `json`. Unset: `pretty` on a terminal, `json` elsewhere.',
  }),
  environment: key('NODE_ENV', text, {
    default: 'development',
    doc: '`production` disables gRPC server reflection.',
  }),
} as const;

/** Connection and stream limits, for every service that has ports. */
export const limitKeys = {
  connectionLimit: key('SIGNET_CONNECTION_LIMIT', whole(1, 1_000_000), {
    default: '10000',
    doc: 'Maximum concurrent connections over all ports of a service. Further connections are closed.',
  }),
  connectionLimitAddress: key('SIGNET_CONNECTION_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '256',
    doc: 'Maximum concurrent connections per client address (IPv6: per /64). Proxies in SIGNET_TRUSTED_PROXIES are exempt; SIGNET_CONNECTION_LIMIT still applies to them.',
  }),
  streamLimit: key('SIGNET_STREAM_LIMIT', whole(1, 1_000_000), {
    default: '2000',
    doc: 'Maximum concurrent streaming calls of a service; streams of internal methods are counted separately. Further calls fail with RATE_LIMITED.',
  }),
  streamLimitAddress: key('SIGNET_STREAM_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '32',
    doc: 'Maximum concurrent streaming calls per client address (IPv6: per /64). Streams of internal methods do not count.',
  }),
} as const;

/** Metrics and tracing. */
export const telemetryKeys = {
  metricsPort: key('SIGNET_METRICS_PORT', port, {
    optional: true,
    doc: 'Port of the Prometheus endpoint `GET /metrics`, on SIGNET_HOST. Unset: no metrics endpoint. Do not expose it publicly.',
  }),
  traceEndpoint: key('OTEL_EXPORTER_OTLP_ENDPOINT', url('http', 'https'), {
    optional: true,
    doc: 'Base URL of the OTLP/HTTP collector that receives traces, such as http://localhost:4318. Unset: tracing is off.',
  }),
  traceHeaders: key('OTEL_EXPORTER_OTLP_HEADERS', headers, {
    default: ',',
    doc: 'Headers sent to the collector: comma-separated `name=value` pairs, values percent-encoded.',
  }),
  traceShare: key('OTEL_TRACES_SAMPLER_ARG', share, {
    default: '1',
    doc: "Sampling ratio of new traces, from 0 to 1. A trace that a caller started follows the caller's sampling decision.",
  }),
} as const;

/** Keys of every service that verifies tokens. */
export const tokenKeys = {
  issuer: key('SIGNET_ISSUER', baseUrl, {
    default: 'http://localhost:8080',
    doc: 'Public URL of the edge; also the `iss` of every token. With a plain-HTTP localhost URL, cookies have no Secure attribute and no __Host- prefix.',
  }),
  audience: key('SIGNET_AUDIENCE', text, {
    default: 'signet',
    doc: 'The `aud` of every access token.',
  }),
  alg: key('SIGNET_ALG', oneOf('RS256', 'PS256', 'ES256', 'EdDSA'), {
    default: 'RS256',
    doc: 'Signature algorithm of access tokens. Verifiers accept no other algorithm.',
  }),
} as const;

/** Keys of every service that verifies tokens signed by another process. */
export const jwksKeys = {
  jwksUrl: key('SIGNET_JWKS_URL', url('http', 'https'), {
    default: 'http://localhost:8081/.well-known/jwks.json',
    doc: "URL of the auth service's JWKS, from which verifiers read the public keys.",
  }),
  jwksHttp: key('SIGNET_JWKS_HTTP', oneOf('private', 'any'), {
    default: 'private',
    doc: 'Hosts for which SIGNET_JWKS_URL may use plain http://. `private`: loopback and private networks only. `any`: all hosts; an attacker on the network path can then replace the keys.',
  }),
} as const;

/** Key of every service that calls another service. */
export const serviceKeys = {
  serviceKey: key('SIGNET_SERVICE_KEY', serviceKey, {
    doc: "The service's private key, which authenticates it to the auth service. `npm run signet -- services keygen <name>` generates one. `npm start` generates its own.",
  }),
} as const;

/** Key of every service that has a database. */
export const databaseKeys = {
  databaseUrl: key('DATABASE_URL', url('postgres', 'postgresql').pipe(secret), {
    doc: 'PostgreSQL connection URL. Unset: `npm start` runs an embedded PostgreSQL in the data directory.',
  }),
} as const;
