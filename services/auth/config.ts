import { z } from 'zod';
import { type Config, key } from '#kit/config/config.ts';
import { databaseKeys, limitKeys, processKeys, telemetryKeys, tokenKeys } from '#kit/config/shared-keys.ts';
import { baseUrl, duration, list, port, positiveDuration, secret, text, url, whole } from '#kit/config/types.ts';
import type { Algorithm } from '#kit/guard/algorithms.ts';
import { keyTimes } from '#kit/guard/keys.ts';
import { longestTokenLife } from '#kit/guard/verifier.ts';
import { Secret } from '#kit/log/secret.ts';
import { publicServiceKey } from '#kit/identity/service-key.ts';

/** 32 bytes, written in base64. */
const key256 = z
  .string()
  .transform((written) => Buffer.from(written, 'base64'))
  .refine((bytes) => bytes.length === 32, 'must be 32 bytes in base64: openssl rand -base64 32')
  .transform((bytes) => new Secret<Buffer>(bytes));

/** What no setting makes too short, so that it is told as a bad key and not as a failed start. */
const adminPassword = z
  .string()
  .refine((password) => Array.from(password).length >= 8, 'must have at least 8 characters')
  .pipe(secret);

/** Every guard refuses a token that claims to live longer than an hour. */
const accessLife = positiveDuration.refine((ms) => ms >= 1_000 && ms <= longestTokenLife, 'must be from 1s to 1h');

const serviceEntry = /^([a-z][a-z0-9-]{0,62})=([\w-]{42}[AEIMQUYcgkosw048])(?::([a-z0-9_-]+(?:\+[a-z0-9_-]+)*))?$/;

/** Services, each with its public key and its roles. */
const services = list
  .refine((all) => all.every((one) => serviceEntry.test(one)), 'must be name=publickey, divided by commas')
  .transform((all) =>
    all.map((one) => {
      const [, name = '', publicKey = '', roles] = serviceEntry.exec(one) ?? [];
      return { name, publicKey: publicServiceKey(publicKey), roles: roles?.split('+') ?? [] };
    }),
  )
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must not name a service twice');

/**
 * Until a key signs, every replica publishes it (keyring.ts: a quarter of the
 * time), caches on the way have let go of the keys without it (another quarter),
 * and no verifier may have looked without finding it so lately that it does not
 * look again (its cooldown). Shorter, and a verifier that strangers keep busy
 * with unknown kids refuses good tokens.
 */
const leastPending = 2 * keyTimes.cooldown;
const pendingTime = positiveDuration.refine(
  (ms) => ms >= leastPending,
  `must be at least ${leastPending / 1_000}s: verifiers look for a key that they do not know at most every ${keyTimes.cooldown / 1_000}s`,
);

/** Configuration of the auth service. */
export const keys = {
  ...processKeys,
  ...limitKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...databaseKeys,
  port: key('SIGNET_AUTH_PORT', port, {
    default: '8081',
    doc: "Port of the auth service's own door: REST, Connect, gRPC-Web and gRPC.",
  }),
  grpcPort: key('SIGNET_AUTH_GRPC_PORT', port, {
    default: '9081',
    doc: 'Port on which other services reach the auth service over gRPC.',
  }),
  masterKey: key('SIGNET_MASTER_KEY', key256, {
    doc: 'Encrypts signing keys at rest and keys the MACs of refresh, CSRF and device tokens: 32 bytes in base64. Unset, `npm start` makes one in the data directory.',
  }),
  masterKeyPrevious: key('SIGNET_MASTER_KEY_PREVIOUS', key256, {
    optional: true,
    doc: 'The master key until now, given once when it changes: what it encrypts is encrypted under SIGNET_MASTER_KEY at the next start.',
  }),
  services: key('SIGNET_SERVICES', services, {
    default: '',
    doc: 'Services that may ask for tokens of their own: `name=publickey`, divided by commas, for a service of the fleet; `name=publickey:admin+support`, with roles, for a machine that acts in its own name and is no caller. One that is both has two entries. `npm run signet -- services keygen <name>` makes an entry. `npm start` adds its own.',
  }),
  keyRotation: key('SIGNET_KEY_ROTATION', positiveDuration, {
    default: '30d',
    doc: 'How long a signing key signs, no less than SIGNET_KEY_PENDING. It verifies for twice as long.',
  }),
  keyPending: key('SIGNET_KEY_PENDING', pendingTime, {
    default: '5m',
    doc: 'How long a signing key is published before it signs, at least 10s. Longer than any verifier goes without looking for a key that it does not know: ours 5s.',
  }),
  accessTtl: key('SIGNET_ACCESS_TTL', accessLife, {
    default: '15m',
    doc: 'Life of an access token, at most 1h: verifiers refuse longer ones.',
  }),
  refreshGrace: key('SIGNET_REFRESH_GRACE', duration, {
    default: '10s',
    doc: 'How long a refresh token may be used again, with the same answer, as long as its successor has not been used.',
  }),
  refreshReplay: key('SIGNET_REFRESH_REPLAY', z.enum(['audit', 'end']), {
    default: 'audit',
    doc: 'What happens where a refresh token is used again within the grace from another network or by another User-Agent: `audit` notes it in the audit log and on the session, `end` also ends the session.',
  }),
  sessionIdle: key('SIGNET_SESSION_IDLE', positiveDuration, {
    default: '7d',
    doc: 'A session that is not refreshed for so long is over.',
  }),
  sessionMax: key('SIGNET_SESSION_MAX', positiveDuration, {
    default: '30d',
    doc: 'A session is over after so long, however it is used.',
  }),
  sessionLimit: key('SIGNET_SESSION_LIMIT', whole(1, 1_000), {
    default: '20',
    doc: 'Sessions that a user may have. One more, and the oldest ends.',
  }),
  loginLimit: key('SIGNET_LOGIN_LIMIT', whole(1, 1_000_000), {
    default: '10',
    doc: 'Failed sign-ins of an account in 15 minutes. Beyond it a wrong password is 429 from everywhere; a known device and a known network of the account each have as many tries of their own.',
  }),
  loginLimitAddress: key('SIGNET_LOGIN_LIMIT_ADDRESS', whole(1, 1_000_000), {
    default: '100',
    doc: 'Failed sign-ins from an address (IPv6: a /64) in 15 minutes, whatever the account.',
  }),
  linkUrl: key('SIGNET_LINK_URL', baseUrl, {
    optional: true,
    doc: 'Where links in mails lead to: the pages `/reset-password` and `/verify-email` there. Unset: SIGNET_ISSUER.',
  }),
  smtpUrl: key('SMTP_URL', url('smtp', 'smtps').pipe(secret), {
    optional: true,
    doc: 'The server that takes mails: smtp://user:password@host:587. Unset, they are kept in SIGNET_MAIL_DIR.',
  }),
  mailDir: key('SIGNET_MAIL_DIR', text, {
    optional: true,
    doc: 'Folder in which mails are kept, the last 100, where there is no SMTP_URL. Unset: `mail` in the data directory of `npm start`; other processes keep none.',
  }),
  mailFrom: key('SIGNET_MAIL_FROM', text, {
    default: 'Signet <signet@localhost>',
    doc: 'What stands in the From of mails.',
  }),
  passwordMin: key('SIGNET_PASSWORD_MIN', whole(8, 64), {
    default: '8',
    doc: 'Least number of characters in a password; NIST 800-63B-4 asks for 15 where a password is all there is.',
  }),
  argon2Memory: key('SIGNET_ARGON2_MEMORY', whole(19_456, 4_194_304), {
    default: '19456',
    doc: 'Argon2id memory, KiB.',
  }),
  argon2Passes: key('SIGNET_ARGON2_PASSES', whole(2, 100), { default: '2', doc: 'Argon2id passes.' }),
  threadPool: key('UV_THREADPOOL_SIZE', whole(1, 1_024), {
    default: '4',
    doc: 'Threads that password hashes and signatures share; hashes always leave two of them free. `npm start` sets 8.',
  }),
  hashQueue: key('SIGNET_HASH_QUEUE', whole(0, 100_000), {
    default: '200',
    doc: 'Password hashes that may wait their turn. Beyond it, sign-ins are asked to come back later (429).',
  }),
  adminEmail: key('SIGNET_ADMIN_EMAIL', z.email('must be an email address').or(z.literal('admin@localhost')), {
    default: 'admin@localhost',
    doc: 'Email of the first admin, made when there is none yet.',
  }),
  adminPassword: key('SIGNET_ADMIN_PASSWORD', adminPassword, {
    optional: true,
    doc: 'Password of the first admin. Unset, one is made and printed, once.',
  }),
} as const;

/** The auth service's configuration. Durations are in ms. */
export type AuthConfig = Omit<Config<typeof keys>, 'alg'> & {
  /** HS256 only where everything is one process. */
  readonly alg: Algorithm;
};
