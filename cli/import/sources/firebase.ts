import type { HashFault } from '#kit/password-hash/password-hash.ts';
import { misuse } from '../../failures.ts';
import type { Found } from '../account.ts';
import { dateOfMillis } from '../dates.ts';
import { type Fields, fieldsOf, isYes, listOf, textOf } from '../fields.ts';
import { firebaseHash } from '../hashes/firebase.ts';
import { anonymous, each, type Source, type SourceOptions } from '../source.ts';

const providers = ['google', 'facebook', 'twitter', 'github'];

/** The columns of `firebase auth:export` in CSV, which has no header (firebase-tools, src/accountExporter.ts). */
const columns = [
  'localId',
  'email',
  'emailVerified',
  'passwordHash',
  'salt',
  'displayName',
  'photoUrl',
  ...providers.flatMap((provider) => ['Id', 'Email', 'DisplayName', 'PhotoUrl'].map((name) => provider + name)),
  'createdAt',
  'lastSignedInAt',
  'phoneNumber',
  'disabled',
  'customAttributes',
];

/** Firebase Authentication, and Identity Platform. */
export const firebase: Source = {
  about: 'firebase auth:export users.json (or users.csv), with --hash-config',
  layout: { key: 'users', array: true, csv: { columns } },
  takesHashConfig: true,
  async *entries(read, options) {
    const config = configOf(options);
    yield* each((value) => {
      const user = fieldsOf(value);
      const contacts = ['email', 'phoneNumber', ...providers.map((provider) => `${provider}Id`)];
      const hasProvider = listOf(user['providerUserInfo']).length > 0;
      if (!hasProvider && contacts.every((name) => textOf(user[name]) === '')) return anonymous;
      return {
        email: user['email'],
        names: [user['displayName']],
        hash: hashOf(user, config),
        emailVerified: isYes(user['emailVerified']),
        createdAt: dateOfMillis(user['createdAt']),
        disabled: isYes(user['disabled']),
      };
    })(read, options);
  },
};

/** The project's parameters of its hashes. */
interface HashConfig {
  readonly ln: string;
  readonly r: string;
  readonly separator: Buffer;
  readonly signerKey: Buffer;
}

/** Length of a signer key and of every hash, bytes. */
const signerKeyBytes = 64;

/** Parses the hash parameters as the Firebase console shows them. @throws CommandFailure naming what is wrong */
function configOf({ hashConfig = '' }: SourceOptions): HashConfig {
  const value = (name: string) =>
    new RegExp(`^\\s*${name}\\s*:\\s*([^\\s,]*)\\s*,?\\s*$`, 'm').exec(hashConfig)?.[1] ?? '';
  const number = (name: string) => {
    if (!/^[1-9]\d{0,5}$/.test(value(name))) throw misuse(`the hash configuration has no valid ${name}.`);
    return value(name);
  };
  if (value('algorithm') !== 'SCRYPT') throw misuse('the hash configuration must have the algorithm SCRYPT.');
  const signerKey = Buffer.from(value('base64_signer_key'), 'base64');
  if (signerKey.length !== signerKeyBytes) {
    throw misuse(
      `the base64_signer_key of the hash configuration must have ${signerKeyBytes} bytes: copy it completely.`,
    );
  }
  const separator = Buffer.from(value('base64_salt_separator'), 'base64');
  return { ln: number('mem_cost'), r: number('rounds'), separator, signerKey };
}

/** What Firebase exports to an account without the permission to see hashes. */
const redacted = Buffer.from('REDACTED').toString('base64');

function refuse(description: string): HashFault {
  return { reason: 'HASH_MALFORMED', description };
}

function hashOf(user: Fields, { ln, r, separator, signerKey }: HashConfig): Found['hash'] {
  const hash = textOf(user['passwordHash']);
  if (hash === '') return '';
  if (hash === redacted) {
    return refuse('is REDACTED: export with an account that has the permission firebaseauth.configs.getHashConfig');
  }
  const salt = Buffer.from(textOf(user['salt']), 'base64');
  const translated = firebaseHash({ ln, r, p: '1', salt, separator, signerKey, hash: Buffer.from(hash, 'base64') });
  return translated ?? refuse('is not a complete hash of Firebase with its salt');
}
