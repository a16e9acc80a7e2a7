import { misuse } from '../../failures.ts';
import type { Found } from '../account.ts';
import { dateOf } from '../dates.ts';
import { rejected } from '../entry.ts';
import { type Fields, fieldsOf, fullName, textOf } from '../fields.ts';
import { encoded } from '../hashes/base64.ts';
import { logarithm } from '../hashes/spellings.ts';
import type { Read } from '../records.ts';
import { entryOf, type Source } from '../source.ts';

/** A record of the password export. */
interface Password {
  readonly place: string;
  readonly email: string;
  readonly hash: string;
}

/**
 * Auth0: the profiles of a users-exports job together with the password export of the support, or a file for bulk
 * imports. Only the profiles say who is blocked, so passwords without them are refused.
 */
export const auth0: Source = {
  about: 'users-exports job (JSON) and the password export of the support, together; or a file for bulk imports',
  layout: { lines: true, array: true },
  readsTwice: true,
  async *entries(read, options) {
    const passwords = await passwordsOf(read);
    for await (const record of read()) {
      const user = 'value' in record ? fieldsOf(record.value) : {};
      if (idOfPassword(user) !== undefined) continue;
      const id = textOf(user['user_id']).replace(/^auth0\|/, '');
      const hash = passwords.get(id)?.hash ?? hashOf(user);
      passwords.delete(id);
      const entry = entryOf(record, () => foundOf(user, hash), options);
      if (entry) yield entry;
    }
    for (const { place, email } of passwords.values()) {
      yield rejected(place, 'PROFILE_MISSING', 'is not in the profile export, which says who is blocked', email);
    }
  },
};

/** The password export by user id. @throws CommandFailure if there are passwords and no profiles */
async function passwordsOf(read: Read): Promise<Map<string, Password>> {
  const passwords = new Map<string, Password>();
  let hasOthers = false;
  for await (const record of read()) {
    const value = 'value' in record ? fieldsOf(record.value) : {};
    const id = idOfPassword(value);
    if (id === undefined) hasOthers = true;
    else passwords.set(id, { place: record.place, email: textOf(value['email']), hash: textOf(value['passwordHash']) });
  }
  if (passwords.size > 0 && !hasOthers) {
    throw misuse('only the profile export says who is blocked: name it together with the password export.');
  }
  return passwords;
}

/** The user id of a record of the password export; undefined for others. */
function idOfPassword(record: Fields): string | undefined {
  const { $oid } = fieldsOf(record['_id']);
  return typeof $oid === 'string' ? $oid : undefined;
}

function foundOf(user: Fields, hash: Found['hash']): Found {
  return {
    email: user['email'],
    names: [user['name'], fullName(user['given_name'], user['family_name']), user['nickname']],
    hash,
    emailVerified: user['email_verified'] === true,
    createdAt: dateOf(user['created_at']),
    disabled: user['blocked'] === true,
  };
}

const unsupported = {
  reason: 'HASH_UNSUPPORTED',
  description: 'is of an algorithm that is too fast for passwords, or of an unknown one',
} as const;

const malformed = { reason: 'HASH_MALFORMED', description: 'is not a complete custom_password_hash' } as const;

/** The hash in a record of a bulk import. */
function hashOf(user: Fields): Found['hash'] {
  const custom = user['custom_password_hash'];
  if (custom === undefined || custom === null) return textOf(user['password_hash']);
  const { algorithm, hash, salt, password, ...parameters } = fieldsOf(custom);
  const value = textOf(fieldsOf(hash)['value']);
  // The password is transcoded or extended before it is hashed.
  const { encoding = 'utf8', ...extended } = fieldsOf(password);
  if (encoding !== 'utf8' || Object.keys(extended).length > 0) return unsupported;
  if (value === '') return malformed;
  switch (algorithm) {
    case 'argon2':
    case 'bcrypt':
      return value;
    case 'pbkdf2':
      // 100,000 iterations and 64 bytes are meant where none are given.
      return value.replace(/^(\$pbkdf2-[a-z0-9]+)\$(?!i=|l=)/, '$1$i=100000,l=64$');
    case 'scrypt':
      return scryptOf(fieldsOf(hash), fieldsOf(salt), parameters);
    default:
      return unsupported;
  }
}

function scryptOf(
  hash: Fields,
  salt: Fields,
  { keylen, cost, blockSize = 8, parallelization = 1 }: Fields,
): Found['hash'] {
  const [output, saltBytes, ln] = [decoded(hash), decoded(salt), logarithm(String(cost))];
  if (!ln || (keylen !== undefined && keylen !== output.length)) {
    return malformed;
  }
  return `$scrypt$ln=${ln},r=${String(blockSize)},p=${String(parallelization)}$${encoded(saltBytes)}$${encoded(output)}`;
}

/** Decodes a value with its encoding; empty if the encoding is unknown. */
function decoded({ value, encoding = 'utf8' }: Fields): Buffer {
  const isKnown = encoding === 'utf8' || encoding === 'hex' || encoding === 'base64';
  return isKnown ? Buffer.from(textOf(value), encoding) : Buffer.alloc(0);
}
