import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { type ImportedUser, ImportedUserSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { normalizeEmail } from '#kit/contract/email.ts';
import { assertValid } from '#kit/contract/validation.ts';
import { violationsOf } from '#kit/errors/failure.ts';
import { faultOfHash, type HashFault } from '#kit/password-hash/password-hash.ts';
import { type Entry, rejected } from './entry.ts';
import { translated } from './hashes/spellings.ts';

/**
 * An account in an export. There are no roles: the same name may have another meaning in Signet, so nothing in an export
 * becomes a role.
 */
export interface Found {
  /** Email; anything else than a string counts as missing. */
  readonly email: unknown;
  /** Names, the best first. */
  readonly names: readonly unknown[];
  /** The hash in its product's spelling, or why it has none that can be read. Empty: no password. */
  readonly hash: string | HashFault;
  readonly emailVerified: boolean;
  /** undefined: now. */
  readonly createdAt?: Date | undefined;
  readonly disabled: boolean;
}

/** How accounts are converted. */
export interface Conversion {
  /** Imports accounts whose hash is refused without a password. */
  readonly dropHashes: boolean;
}

const maxName = 100;

/** Converts an account in an export, and validates it as the server does. */
export function toEntry(place: string, found: Found, conversion: Conversion): Entry {
  const email = typeof found.email === 'string' ? normalizeEmail(found.email) : '';
  if (email === '') return rejected(place, 'EMAIL_MISSING', 'has no email address');
  const name = found.names.map(cleaned).find((one) => one !== '') ?? cleaned(email.split('@')[0]);
  const { createdAt, emailVerified, disabled } = found;
  const user = create(ImportedUserSchema, {
    email,
    // A name of invisible characters only.
    name: name === '' ? '-' : name,
    emailVerified,
    disabled,
    ...(createdAt ? { createdAt: timestampFromDate(createdAt) } : {}),
  });
  return withHash(place, user, found.hash, conversion);
}

/** Validates an account, then its hash. */
export function withHash(place: string, user: ImportedUser, hash: Found['hash'], { dropHashes }: Conversion): Entry {
  const fault = faultOfUser(place, user);
  if (fault) return fault;
  const read = typeof hash === 'string' ? translated(hash) : hash;
  const refused = typeof read === 'string' ? (read === '' ? undefined : faultOfHash(read)) : read;
  if (refused && !dropHashes)
    return rejected(place, refused.reason, `password_hash: ${refused.description}`, user.email);
  user.passwordHash = refused || typeof read !== 'string' ? '' : read;
  return faultOfUser(place, user) ?? { place, user };
}

/** The violations of the contract: the server would reject the whole request. */
function faultOfUser(place: string, user: ImportedUser): Entry | undefined {
  try {
    assertValid(ImportedUserSchema, user);
    return undefined;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const violations = violationsOf(error);
    const isEmail = violations.some(({ field }) => field === 'email');
    const text = violations.map(inWords).join('; ');
    return rejected(place, isEmail ? 'EMAIL_INVALID' : 'INVALID_ARGUMENT', text, isEmail ? '' : user.email);
  }
}

/** A violation as a sentence, without the value. */
export function inWords({ field, description }: { field: string; description: string }): string {
  return field === '$body' ? description : `${field}: ${description}`;
}

/** A display name on one line, at most as long as the contract allows; empty if it has no visible character. */
function cleaned(name: unknown): string {
  if (typeof name !== 'string') return '';
  const text = name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(text)) return '';
  return Array.from(text).slice(0, maxName).join('').trim();
}
