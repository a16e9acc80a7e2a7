import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

/** PBKDF2 with SHA-256 and 1,000 iterations. */
const pbkdf2 = { salt: 'AAECAwQFBgcICQoLDA0ODw==', value: 'BEny8tu8Xj3HflaWZHkBhfpPGz5xqxUlf2n0cRIxbKw=' };

test('keycloak', async () => {
  const credential = (
    algorithm: string,
    hashIterations: number,
    additionalParameters = {},
    secret: object = pbkdf2,
  ) => ({
    type: 'password',
    secretData: JSON.stringify(secret),
    credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters }),
  });
  const argon2 = (type: string) =>
    credential(
      'argon2',
      2,
      { type: [type], memory: ['64'], version: ['1.3'], parallelism: ['2'] },
      {
        salt: 'BCBEyJkTotT6H+O8V0pJaQ==',
        value: '3dEjzcSw1w60eGv7A+hHVMNlubwXbfbRa7LZFfPTPaU=',
      },
    );
  const user = (email: string, credentials: unknown, others = {}) => ({
    email,
    username: email,
    credentials,
    ...others,
  });
  const users = [
    user('a@x.example', [{ type: 'otp', secretData: '{}' }, credential('pbkdf2-sha256', 1_000)], {
      enabled: true,
      emailVerified: true,
      firstName: 'Ada',
      lastName: 'Lovelace',
      createdTimestamp: 1_600_000_000_000,
      realmRoles: ['admin'],
    }),
    user('b@x.example', [argon2('i')], { enabled: false, firstName: 'Bob' }),
    user('c@x.example', [
      {
        type: 'password',
        hashedSaltedValue: pbkdf2.value,
        salt: pbkdf2.salt,
        hashIterations: 1_000,
        algorithm: 'pbkdf2-sha256',
      },
    ]),
    user('d@x.example', []),
    { email: 'e@x.example' },
    user('f@x.example', [{ type: 'password', credentialData: '{"algorithm":', secretData: '{}' }]),
    user('g@x.example', [{ type: 'password', hashedSaltedValue: 'AA', salt: 'AA' }]),
    user('h@x.example', [argon2('d')]),
    user('i@x.example', [credential('argon2', 2)]),
    user('j@x.example', [credential('sha3-of-the-house', 1)]),
    user('k@x.example', [credential('pbkdf2-sha256', 1_000, {}, { ...pbkdf2, value: '' })]),
    user('l@x.example', [credential('pbkdf2-sha256', 5_000_000)]),
    user('', []),
    { username: 'service-account-billing', serviceAccountClientId: 'billing' },
    user('not an address', []),
    user('z@x.example', [credential('pbkdf2-sha256', 1_000)]),
  ];
  const entries = await entriesOf('keycloak', [{ realm: 'shop', users, roles: { users: [1] } }]);
  expect(of(entries)).toEqual([
    { place: 'users[0]', email: 'a@x.example', name: 'Ada Lovelace', verified: true, created: '2020-09-13T12:26:40' },
    { place: 'users[1]', email: 'b@x.example', name: 'Bob', disabled: true },
    { place: 'users[2]', email: 'c@x.example', name: 'c' },
    { place: 'users[3]', email: 'd@x.example', name: 'd', bare: true },
    { place: 'users[4]', email: 'e@x.example', name: 'e', bare: true },
    left('users[5]', 'HASH_MALFORMED', 'f@x.example'),
    left('users[6]', 'HASH_MALFORMED', 'g@x.example'),
    left('users[7]', 'HASH_UNSUPPORTED', 'h@x.example'),
    left('users[8]', 'HASH_MALFORMED', 'i@x.example'),
    left('users[9]', 'HASH_UNSUPPORTED', 'j@x.example'),
    left('users[10]', 'HASH_MALFORMED', 'k@x.example'),
    left('users[11]', 'HASH_TOO_COSTLY', 'l@x.example'),
    left('users[12]', 'EMAIL_MISSING'),
    left('users[13]', 'SERVICE_ACCOUNT', '', 'skipped'),
    left('users[14]', 'EMAIL_INVALID'),
    { place: 'users[15]', email: 'z@x.example', name: 'z' },
  ]);
  await expectPasswords(entries, typed);
  // An export of several realms.
  await expect(entriesOf('keycloak', [[{ realm: 'a', users }]])).rejects.toThrow('several realms');
});
