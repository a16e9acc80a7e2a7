import { misuse } from '../../failures.ts';
import type { Found } from '../account.ts';
import { dateOfMillis } from '../dates.ts';
import { type Fields, fieldsOf, fullName, jsonFieldsOf, listOf, textOf } from '../fields.ts';
import { unpadded } from '../hashes/base64.ts';
import { each, serviceAccount, type Source } from '../source.ts';

/** Keycloak: a realm export with users. */
export const keycloak: Source = {
  about: 'realm export with users: kc.sh export --realm <realm> --users same_file (or different_files)',
  layout: { key: 'users', array: true },
  entries: each((value) => {
    const user = fieldsOf(value);
    if (Array.isArray(user['users']))
      throw misuse('the export has several realms: export one with kc.sh export --realm.');
    if (user['serviceAccountClientId'] !== undefined) return serviceAccount;
    return {
      email: user['email'],
      names: [fullName(user['firstName'], user['lastName'])],
      hash: hashOf(listOf(user['credentials']).map(fieldsOf)),
      emailVerified: user['emailVerified'] === true,
      createdAt: dateOfMillis(user['createdTimestamp']),
      disabled: user['enabled'] === false,
    };
  }),
};

const malformed = { reason: 'HASH_MALFORMED', description: 'is not a complete credential of Keycloak' } as const;

const unsupported = { reason: 'HASH_UNSUPPORTED', description: 'is of no supported algorithm or provider' } as const;

/** The hash of the credential of type password: others are OTP secrets, passkeys and earlier passwords. */
function hashOf(credentials: readonly Fields[]): Found['hash'] {
  const credential = credentials.find(({ type }) => type === 'password');
  if (!credential) return '';
  // Before Keycloak 8, both parts were fields of the credential.
  const isOld = credential['hashedSaltedValue'] !== undefined;
  const data = isOld ? credential : jsonFieldsOf(credential['credentialData']);
  const secret = isOld ? credential : jsonFieldsOf(credential['secretData']);
  const value = textOf(isOld ? secret['hashedSaltedValue'] : secret['value']);
  const [salt, hash] = [unpadded(textOf(secret['salt'])), unpadded(value)];
  const iterations = String(data['hashIterations']);
  if (value === '') return malformed;
  switch (data['algorithm']) {
    case 'pbkdf2':
    case 'pbkdf2-sha256':
    case 'pbkdf2-sha512': {
      const digest = data['algorithm'].split('-')[1] ?? 'sha1';
      return `$pbkdf2-${digest}$i=${iterations}$${salt}$${hash}`;
    }
    case 'argon2':
      return argon2Of(data, salt, hash);
    // Of an extension; the value is the whole hash.
    case 'bcrypt':
      return value;
    case undefined:
      return malformed;
    default:
      return unsupported;
  }
}

function argon2Of(data: Fields, salt: string, hash: string): Found['hash'] {
  const parameters = fieldsOf(data['additionalParameters']);
  const first = (name: string) => String(listOf(parameters[name])[0]);
  const versions: Readonly<Record<string, string>> = { '1.0': '16', '1.3': '19' };
  // Argon2d.
  if (first('type') === 'd') return unsupported;
  if (first('type') !== 'id' && first('type') !== 'i') return malformed;
  const cost = `m=${first('memory')},t=${String(data['hashIterations'])},p=${first('parallelism')}`;
  return `$argon2${first('type')}$v=${versions[first('version')]}$${cost}$${salt}$${hash}`;
}
