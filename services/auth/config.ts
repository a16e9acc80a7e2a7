import { z } from 'zod';
import { type Config, key } from '#kit/config/config.ts';
import {
  busKeys,
  databaseKeys,
  eventKeys,
  limitKeys,
  processKeys,
  telemetryKeys,
  tlsKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { asSecret } from '#kit/config/secret-file.ts';
import { duration, list, port, positiveDuration, secret, whole } from '#kit/config/types.ts';
import type { Algorithm } from '#kit/guard/algorithms.ts';
import { keyTimes } from '#kit/guard/keys.ts';
import { longestTokenLife } from '#kit/guard/verifier.ts';
import { Secret } from '#kit/log/secret.ts';
import { publicServiceKey } from '#kit/identity/service-key.ts';

/** 32 bytes, written in base64. */
const key256 = asSecret(
  z
    .string()
    .transform((written) => Buffer.from(written, 'base64'))
    .refine((bytes) => bytes.length === 32, 'must be 32 bytes in base64: openssl rand -base64 32')
    .transform((bytes) => new Secret<Buffer>(bytes)),
);

/** SIGNET_PASSWORD_MIN cannot be below 8, so a shorter password is reported here as an invalid key, not later as a failed start. */
const adminPassword = z
  .string()
  .refine((password) => Array.from(password).length >= 8, 'must have at least 8 characters')
  .pipe(secret);

/** Every guard rejects a token with a lifetime above one hour. */
const accessLife = positiveDuration.refine((ms) => ms >= 1_000 && ms <= longestTokenLife, 'must be from 1s to 1h');

const serviceEntry = /^([a-z][a-z0-9-]{0,62})=([\w-]{42}[AEIMQUYcgkosw048])(?::([a-z0-9_-]+(?:\+[a-z0-9_-]+)*))?$/;

/** Service entries: name, public key, roles. */
const services = list
  .refine((all) => all.every((one) => serviceEntry.test(one)), 'must be comma-separated name=publickey entries')
  .transform((all) =>
    all.map((one) => {
      const [, name = '', publicKey = '', roles] = serviceEntry.exec(one) ?? [];
      return { name, publicKey: publicServiceKey(publicKey), roles: roles?.split('+') ?? [] };
    }),
  )
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must not name a service twice');

/**
 * Before a key signs, every replica must publish it (keyring.ts: a quarter of
 * the time), HTTP caches must expire the older JWKS (another quarter), and every
 * verifier's cooldown after its last failed lookup must end. With a shorter time,
 * a verifier that attackers flood with unknown kids would reject valid tokens.
 */
const leastPending = 2 * keyTimes.cooldown;
const pendingTime = positiveDuration.refine(
  (ms) => ms >= leastPending,
  `must be at least ${leastPending / 1_000}s: verifiers look up an unknown key at most every ${keyTimes.cooldown / 1_000}s`,
);

/** A shorter one, such as 90m for 90 months, is a mistake that would drop the log. */
const auditRetention = positiveDuration.refine((ms) => ms >= 30 * 86_400_000, 'must be at least 30d');

/** Configuration keys of the auth service. */
export const keys = {
  ...processKeys,
  ...limitKeys,
  ...tlsKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...databaseKeys,
  ...busKeys,
  ...eventKeys,
  port: key('SIGNET_AUTH_PORT', port, {
    default: '8081',
    doc: 'HTTP port of the auth service: REST, Connect, gRPC-Web and gRPC.',
  }),
  grpcPort: key('SIGNET_AUTH_GRPC_PORT', port, {
    default: '9081',
    doc: 'gRPC port of the auth service, for other services.',
  }),
  masterKey: key('SIGNET_MASTER_KEY', key256, {
    doc: 'Master key: encrypts signing keys at rest and keys the MACs of refresh, CSRF and device tokens. 32 bytes in base64. Unset: `npm start` generates one in the data directory.',
  }),
  masterKeyPrevious: key('SIGNET_MASTER_KEY_PREVIOUS', key256, {
    optional: true,
    doc: 'The previous master key, set once when the master key changes: the next start re-encrypts its data under SIGNET_MASTER_KEY.',
  }),
  services: key('SIGNET_SERVICES', services, {
    default: '',
    doc: 'Comma-separated entries of the clients that may request service tokens. `name=publickey`: a service of the fleet. `name=publickey:admin+support`, with roles: a machine, which acts in its own name and cannot act as a caller. A client that is both needs two entries. `npm run signet -- services keygen <name>` generates an entry. `npm start` adds its own services.',
  }),
  keyRotation: key('SIGNET_KEY_ROTATION', positiveDuration, {
    default: '30d',
    doc: 'How long a signing key signs; at least SIGNET_KEY_PENDING. The key verifies for twice as long.',
  }),
  keyPending: key('SIGNET_KEY_PENDING', pendingTime, {
    default: '5m',
    doc: "How long a signing key is published before it signs; at least 10s. It must exceed every verifier's cooldown between lookups of unknown keys (5s in Signet).",
  }),
  accessTtl: key('SIGNET_ACCESS_TTL', accessLife, {
    default: '15m',
    doc: 'Lifetime of an access token; at most 1h, because verifiers reject longer ones.',
  }),
  refreshGrace: key('SIGNET_REFRESH_GRACE', duration, {
    default: '10s',
    doc: 'Grace period in which a used refresh token may be used again, with the same response, as long as its successor is unused.',
  }),
  refreshReplay: key('SIGNET_REFRESH_REPLAY', z.enum(['audit', 'end']), {
    default: 'audit',
    doc: 'Reaction to a refresh token that is used again within the grace period from another network or User-Agent. `audit`: recorded in the audit log and on the session. `end`: also ends the session.',
  }),
  sessionIdle: key('SIGNET_SESSION_IDLE', positiveDuration, {
    default: '7d',
    doc: 'Idle timeout of a session: it ends when it is not refreshed for this long.',
  }),
  sessionMax: key('SIGNET_SESSION_MAX', positiveDuration, {
    default: '30d',
    doc: 'Maximum lifetime of a session.',
  }),
  sessionLimit: key('SIGNET_SESSION_LIMIT', whole(1, 1_000), {
    default: '20',
    doc: 'Maximum sessions per user. A further sign-in ends the oldest session.',
  }),
  loginLimit: key('SIGNET_LOGIN_LIMIT', whole(1, 1_000_000), {
    default: '10',
    doc: 'Failed sign-ins allowed per account in 15 minutes. Past the limit, sign-ins fail with 429, except correct passwords from a known device or network; each of those has a separate limit of the same size.',
  }),
  loginLimitAddress: key('SIGNET_LOGIN_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '100',
    doc: 'Failed sign-ins allowed per client address (IPv6: per /64) in 15 minutes, over all accounts.',
  }),
  passwordMin: key('SIGNET_PASSWORD_MIN', whole(8, 64), {
    default: '8',
    doc: 'Minimum password length in characters. NIST SP 800-63B-4 requires 15 where the password is the only factor.',
  }),
  argon2Memory: key('SIGNET_ARGON2_MEMORY', whole(19_456, 4_194_304), {
    default: '19456',
    doc: 'Argon2id memory, KiB.',
  }),
  argon2Passes: key('SIGNET_ARGON2_PASSES', whole(2, 100), { default: '2', doc: 'Argon2id passes.' }),
  threadPool: key('UV_THREADPOOL_SIZE', whole(1, 1_024), {
    default: '4',
    doc: 'Size of the libuv thread pool, shared by password hashes and signatures. Hashes leave two threads free. The image and `npm start` set the number of cores plus 6.',
  }),
  hashQueue: key('SIGNET_HASH_QUEUE', whole(0, 100_000), {
    default: '200',
    doc: 'Maximum queued password hashes. When the queue is full, sign-ins fail with 429 and Retry-After.',
  }),
  auditRetention: key('SIGNET_AUDIT_RETENTION', auditRetention, {
    optional: true,
    doc: 'How long audit events are kept; at least 30d. Whole months are dropped, once their last event is older. Unset: for ever.',
  }),
  adminEmail: key('SIGNET_ADMIN_EMAIL', z.email('must be an email address').or(z.literal('admin@localhost')), {
    default: 'admin@localhost',
    doc: 'Email of the first admin account, created when no admin exists.',
  }),
  adminPassword: key('SIGNET_ADMIN_PASSWORD', adminPassword, {
    optional: true,
    doc: 'Password of the first admin. Unset: a generated password is printed once; with `NODE_ENV=production`, the first start fails.',
  }),
} as const;

/** The auth service's configuration. Durations are in ms. */
export type AuthConfig = Omit<Config<typeof keys>, 'alg'> & {
  /** HS256 only when all services run in one process. */
  readonly alg: Algorithm;
};
