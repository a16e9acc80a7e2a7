import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
/** The password of `bcrypt`. */
const ofBcrypt = 'U*U';

const profile = (id: string, email: string, others = {}) => ({
  user_id: `auth0|${id}`,
  email,
  email_verified: true,
  name: email.slice(0, 1).toUpperCase(),
  created_at: '2020-01-02T03:04:05.678Z',
  ...others,
});
const jsonLines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

test.each(['passwords first', 'profiles first'])(
  'auth0: joins the profiles and the password export, %s',
  async (order) => {
    const passwords = jsonLines([
      { _id: { $oid: 'aa' }, email: 'a@x.example', email_verified: true, passwordHash: bcrypt },
      { _id: { $oid: 'bb' }, email: 'b@x.example', email_verified: true, passwordHash: bcrypt },
      { _id: { $oid: 'dd' }, email: 'd@x.example', email_verified: true, passwordHash: bcrypt },
    ]);
    const profiles = jsonLines([
      profile('aa', 'a@x.example'),
      profile('bb', 'b@x.example', { blocked: true, app_metadata: { roles: ['admin'] } }),
      { ...profile('', 'c@x.example'), user_id: 'google-oauth2|1' },
    ]);
    const files = order === 'passwords first' ? [passwords, profiles] : [profiles, passwords];
    const [ofPasswords, ofProfiles] = order === 'passwords first' ? [1, 2] : [2, 1];
    const entries = await entriesOf('auth0', files);
    const common = { verified: true, created: '2020-01-02T03:04:05' };
    expect(of(entries)).toEqual([
      { place: `file ${ofProfiles}: line 1`, email: 'a@x.example', name: 'A', ...common },
      { place: `file ${ofProfiles}: line 2`, email: 'b@x.example', name: 'B', ...common, disabled: true },
      { place: `file ${ofProfiles}: line 3`, email: 'c@x.example', name: 'C', ...common, bare: true },
      // Nothing says whether this account is blocked.
      left(`file ${ofPasswords}: line 3`, 'PROFILE_MISSING', 'd@x.example'),
    ]);
    await expectPasswords(entries, ofBcrypt);
    await expect(entriesOf('auth0', [passwords])).rejects.toThrow('profile export');
  },
);

test('auth0: reads a file for bulk imports', async () => {
  const user = (email: string, custom: object) => ({ email, custom_password_hash: custom });
  const scrypt = {
    algorithm: 'scrypt',
    hash: {
      value:
        'd971865b6bbaf6d3180b81c10fdbfcdb6959b783172e7c499e81feec097b0d016a005a2f6ef48433953ad1ad7a2258f937c97880ed7ec9bd793d14d60e304f33',
      encoding: 'hex',
    },
    salt: { value: 'a text' },
    keylen: 64,
    cost: 1_024,
  };
  const implied =
    '$pbkdf2-sha512$AAECAwQFBgcICQoLDA0ODw$au3VZ/0eIKRsfkfq6eurpC4PcZG/uuHashoDQkO/QWvkskxJ0f9W1AfZXz3ftvqr7j2g4Cu+qAJOE5YePoHbaA';
  const entries = await entriesOf('auth0', [
    [
      user('a@x.example', scrypt),
      user('b@x.example', { algorithm: 'pbkdf2', hash: { value: implied, encoding: 'utf8' } }),
      user('c@x.example', { ...scrypt, cost: 1_025 }),
      user('d@x.example', { ...scrypt, keylen: 32 }),
      user('e@x.example', { ...scrypt, password: { encoding: 'utf16le' } }),
      user('f@x.example', { algorithm: 'md5', hash: { value: '5f4dcc3b5aa765d61d8327deb882cf99', encoding: 'hex' } }),
      user('g@x.example', { algorithm: 'pbkdf2', hash: { value: '' } }),
      { email: 'h@x.example', given_name: 'Grace', family_name: 'Hopper', blocked: true },
    ],
  ]);
  expect(of(entries)).toEqual([
    { place: '[0]', email: 'a@x.example', name: 'a' },
    { place: '[1]', email: 'b@x.example', name: 'b' },
    left('[2]', 'HASH_MALFORMED', 'c@x.example'),
    left('[3]', 'HASH_MALFORMED', 'd@x.example'),
    left('[4]', 'HASH_UNSUPPORTED', 'e@x.example'),
    left('[5]', 'HASH_UNSUPPORTED', 'f@x.example'),
    left('[6]', 'HASH_MALFORMED', 'g@x.example'),
    { place: '[7]', email: 'h@x.example', name: 'Grace Hopper', disabled: true, bare: true },
  ]);
  await expectPasswords(entries, typed);
});
