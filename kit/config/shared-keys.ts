import { key } from './config.ts';
import { databaseUrl } from './database-url.ts';
import {
  duration,
  filePath,
  headers,
  issuerUrl,
  onOff,
  oneOf,
  port,
  positiveDuration,
  secret,
  serviceKey,
  share,
  text,
  url,
  whole,
} from './types.ts';

/** Keys of every service. */
export const processKeys = {
  host: key('SIGNET_HOST', text, {
    default: '127.0.0.1',
    doc: 'Address that the service listens on. In a container: 0.0.0.0.',
  }),
  logLevel: key('SIGNET_LOG_LEVEL', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), {
    default: 'info',
    doc: 'Minimum level of log lines.',
  }),
  logFormat: key('SIGNET_LOG_FORMAT', oneOf('pretty', 'json'), {
    optional: true,
    doc: 'Log format: human-readable (`pretty`) or `json`. Unset: `pretty` on a terminal, `json` elsewhere.',
  }),
  drainDelay: key('SIGNET_DRAIN_DELAY', duration, {
    default: '0s',
    doc: 'How long a process still answers after SIGTERM, while it is not ready and its HTTP port asks clients to close their connections. The image sets 5s.',
  }),
  environment: key('NODE_ENV', text, {
    default: 'development',
    doc: '`production` disables gRPC reflection.',
  }),
} as const;

/** Keys of every service with ports: limits of connections and streams. */
export const limitKeys = {
  connectionLimit: key('SIGNET_CONNECTION_LIMIT', whole(1, 1_000_000), {
    default: '10000',
    doc: 'Maximum number of open connections on all ports of a service. Further connections are closed.',
  }),
  connectionLimitAddress: key('SIGNET_CONNECTION_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '256',
    doc: 'Maximum number of open connections per address (IPv6: per /64). Does not apply to SIGNET_TRUSTED_PROXIES.',
  }),
  streamLimit: key('SIGNET_STREAM_LIMIT', whole(1, 1_000_000), {
    default: '2000',
    doc: 'Maximum number of open streaming calls of a service; internal calls are counted separately. Further calls are RATE_LIMITED.',
  }),
  streamLimitAddress: key('SIGNET_STREAM_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '32',
    doc: 'Maximum number of open streaming calls per address (IPv6: per /64). Does not apply to internal methods.',
  }),
} as const;

/** Keys of every service with a door. */
export const tlsKeys = {
  tlsCert: key('SIGNET_TLS_CERT', filePath, {
    optional: true,
    doc: 'PEM file with the certificate of the HTTP port, followed by those of its intermediate authorities: the port then speaks TLS only. Read again when it changes. Unset: no TLS.',
  }),
  tlsKey: key('SIGNET_TLS_KEY', filePath, {
    optional: true,
    doc: 'PEM file with the private key of SIGNET_TLS_CERT.',
  }),
} as const;

/** Keys of metrics and traces. */
export const telemetryKeys = {
  metricsPort: key('SIGNET_METRICS_PORT', port, {
    optional: true,
    doc: 'Port of `GET /metrics` for Prometheus, on SIGNET_HOST. Unset: no metrics port. Do not expose it publicly.',
  }),
  traceEndpoint: key('OTEL_EXPORTER_OTLP_ENDPOINT', url('http', 'https'), {
    optional: true,
    doc: 'Base URL of the OTLP/HTTP collector of traces, such as http://localhost:4318. Unset: traces are not recorded.',
  }),
  traceHeaders: key('OTEL_EXPORTER_OTLP_HEADERS', headers, {
    default: ',',
    doc: 'Headers for the collector: comma-separated `name=value`, values percent-encoded.',
  }),
  traceShare: key('OTEL_TRACES_SAMPLER_ARG', share, {
    default: '1',
    doc: 'Share of new traces that are recorded, from 0 to 1. A trace started by the client is recorded if the client records it.',
  }),
} as const;

/** Keys of every service that verifies tokens. */
export const tokenKeys = {
  issuer: key('SIGNET_ISSUER', issuerUrl, {
    default: 'http://localhost:8080',
    doc: 'Public URL of the edge, and the `iss` of every token. On plain-HTTP localhost, cookies have neither Secure nor the __Host- prefix. With SIGNET_TLS_CERT it must begin with https://; `npm start` and `npm run fleet` then use https://localhost:8080 if it is unset.',
  }),
  audience: key('SIGNET_AUDIENCE', text, {
    default: 'signet',
    doc: 'The `aud` of every access token.',
  }),
  alg: key('SIGNET_ALG', oneOf('RS256', 'PS256', 'ES256', 'EdDSA'), {
    default: 'RS256',
    doc: 'Signature algorithm of access tokens. Verifiers accept only this one.',
  }),
} as const;

/** Key of every service that verifies tokens that another process signs. */
export const jwksKeys = {
  jwksUrl: key('SIGNET_JWKS_URL', url('http', 'https'), {
    default: 'http://localhost:8081/.well-known/jwks.json',
    doc: 'URL of the public keys, at the auth service.',
  }),
  jwksHttp: key('SIGNET_JWKS_HTTP', oneOf('private', 'any'), {
    default: 'private',
    doc: 'Hosts for which SIGNET_JWKS_URL may be http://. `private`: this machine and private networks. `any`: all hosts, which lets a man in the middle replace the keys.',
  }),
} as const;

/** Keys of every service that calls another. */
export const serviceKeys = {
  serviceKey: key('SIGNET_SERVICE_KEY', serviceKey, {
    doc: "The service's private key, which authenticates it to the auth service. `npm run signet -- services keygen <name>` creates one. `npm start` creates its own.",
  }),
  grpcChannel: key('SIGNET_GRPC_CHANNEL', oneOf('frames', 'http2', 'grpc-js'), {
    default: 'frames',
    doc: 'What carries unary calls to other services. `frames`: Signet reads and writes the frames of HTTP/2 itself. `http2`: node:http2, at about three times the cost for the caller. `grpc-js`: the gRPC library, at about five times; it carries streams in any case.',
  }),
} as const;

/** Key of every service that produces or consumes events. */
export const busKeys = {
  natsUrl: key('NATS_URL', url('nats', 'tls').pipe(secret), {
    optional: true,
    doc: 'NATS server with JetStream, such as nats://user:password@localhost:4222: events then travel through its streams. Unset: consumers read the events of producers from the producers.',
  }),
} as const;

/** Key of every service that produces events. */
export const eventKeys = {
  eventsRetention: key('SIGNET_EVENTS_RETENTION', positiveDuration, {
    default: '90d',
    doc: 'How long a service keeps its events for consumers that have not applied them. A consumer that is away for longer loses events and stops.',
  }),
} as const;

/** Keys of every service with a database. */
export const databaseKeys = {
  databaseUrl: key('DATABASE_URL', databaseUrl, {
    doc: 'URL of the PostgreSQL database. Unset: `npm start` runs its own PostgreSQL in the data directory.',
  }),
  databaseDirectUrl: key('DATABASE_DIRECT_URL', databaseUrl, {
    optional: true,
    doc: 'URL of the same database without a connection pooler, for notifications, jobs and migrations. Required if DATABASE_URL leads to a pooler in transaction mode.',
  }),
  databasePool: key('SIGNET_DATABASE_POOL', whole(2, 1_000), {
    default: '10',
    doc: 'Maximum number of connections in the pool of a service; 4 by default in `npm start`. A service opens up to 3 more, for notifications and jobs.',
  }),
  databasePrepared: key('SIGNET_DATABASE_PREPARED', onOff, {
    default: 'on',
    doc: 'Named prepared statements, `on` or `off`. Set it to `off` for a pooler in transaction mode that does not manage them, such as PgBouncer before 1.21.',
  }),
  migrate: key('SIGNET_MIGRATE', onOff, {
    default: 'on',
    doc: 'Whether a service applies its migrations at start, `on` or `off`. With `off` it checks that the database has them, and its database user needs no right to create or change tables: `npm run signet -- db migrate` does that.',
  }),
} as const;
