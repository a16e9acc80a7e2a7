import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, ofFirebase } from '../testing/entries.ts';

/** The fields of an account with a hash. */
const hashed = { passwordHash: ofFirebase.passwordHash, salt: ofFirebase.salt };

const hashConfig = (changes: Readonly<Record<string, string>> = {}) => {
  const values = {
    algorithm: 'SCRYPT',
    base64_signer_key: ofFirebase.signerKey,
    base64_salt_separator: 'Bw==',
    rounds: '8',
    mem_cost: '14',
    ...changes,
  };
  const lines = Object.entries(values).map(([name, value]) => `  ${name}: ${value},\n`);
  return `hash_config {\n${lines.join('')}}\n`;
};

interface FirebaseUser {
  readonly localId: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly passwordHash?: string;
  readonly salt?: string;
  readonly displayName?: string;
  readonly createdAt?: string;
  readonly phoneNumber?: string;
  readonly disabled?: boolean;
  readonly customAttributes?: string;
  readonly providerUserInfo?: readonly { readonly providerId: string; readonly rawId: string }[];
}

test('firebase, as JSON and as CSV', async () => {
  const users: readonly FirebaseUser[] = [
    {
      localId: '1',
      email: 'a@x.example',
      emailVerified: true,
      ...hashed,
      displayName: 'Ada',
      createdAt: '1600000000000',
      customAttributes: '{"admin":true}',
    },
    { localId: '2', email: 'b@x.example', emailVerified: false, ...hashed, disabled: true },
    { localId: '3', email: 'c@x.example', providerUserInfo: [{ providerId: 'google.com', rawId: '9' }] },
    { localId: '4', phoneNumber: '+1555' },
    { localId: '5', providerUserInfo: [] },
    { localId: '6', email: 'f@x.example', passwordHash: 'UkVEQUNURUQ=', salt: '' },
    { localId: '7', email: 'g@x.example', passwordHash: ofFirebase.passwordHash },
    { localId: '8', email: 'h@x.example', ...hashed, passwordHash: 'lSrfV15cpx95' },
    {
      localId: '9',
      email: 'i@x.example',
      salt: ofFirebase.salt.replaceAll('+', '-'),
      passwordHash: ofFirebase.passwordHash.replaceAll('+', '-').replaceAll('/', '_'),
    },
  ];
  const expected = (places: (index: number) => string) => [
    { place: places(0), email: 'a@x.example', name: 'Ada', verified: true, created: '2020-09-13T12:26:40' },
    { place: places(1), email: 'b@x.example', name: 'b', disabled: true },
    { place: places(2), email: 'c@x.example', name: 'c', bare: true },
    left(places(3), 'EMAIL_MISSING'),
    left(places(4), 'ANONYMOUS', '', 'skipped'),
    left(places(5), 'HASH_MALFORMED', 'f@x.example'),
    left(places(6), 'HASH_MALFORMED', 'g@x.example'),
    left(places(7), 'HASH_MALFORMED', 'h@x.example'),
    { place: places(8), email: 'i@x.example', name: 'i' },
  ];
  const entries = await entriesOf('firebase', [{ users }], { hashConfig: hashConfig() });
  expect(of(entries)).toEqual(expected((index) => `users[${index}]`));
  await expectPasswords(entries, 'user1password');
  const hashes = entries.map((entry) => ('user' in entry ? entry.user.passwordHash : ''));
  const key = Buffer.from(ofFirebase.signerKey, 'base64');
  for (const hash of hashes) {
    for (const part of hash.split('$')) {
      expect(Buffer.from(part, 'base64').includes(key.subarray(0, 16)), 'no hash has the signer key').toBe(false);
    }
  }
  const row = (user: FirebaseUser) =>
    [
      user.localId,
      user.email,
      user.emailVerified ?? false,
      user.passwordHash,
      user.salt,
      user.displayName,
      '',
      user.providerUserInfo?.[0]?.rawId,
      ...Array.from({ length: 15 }, () => ''),
      user.createdAt,
      '',
      user.phoneNumber,
      user.disabled,
      user.customAttributes && `"${user.customAttributes.replaceAll('"', '""')}"`,
      '',
    ].join(',');
  const csv = await entriesOf('firebase', [users.map((user) => `${row(user)}\n`).join('')], {
    hashConfig: hashConfig(),
  });
  expect(of(csv)).toEqual(expected((index) => `record ${index + 1}`));
  await expectPasswords(csv, 'user1password');
});

test.each([
  ['another algorithm', { algorithm: 'BCRYPT' }, 'algorithm SCRYPT'],
  ['a truncated key', { base64_signer_key: ofFirebase.signerKey.slice(0, 20) }, 'base64_signer_key'],
  ['no rounds', { rounds: '' }, 'rounds'],
  ['no memory cost', { mem_cost: 'x' }, 'mem_cost'],
])(
  'refuses a hash configuration of Firebase with %s before the first account, without quoting it',
  async (_, changes, message) => {
    const failed = entriesOf('firebase', [{ users: [] }], { hashConfig: hashConfig(changes) });
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.not.toThrow(ofFirebase.signerKey.slice(0, 8));
  },
);

test('a costly hash configuration of Firebase rejects the accounts with a hash', async () => {
  const users = [{ email: 'a@x.example', ...hashed }, { email: 'b@x.example' }];
  const entries = await entriesOf('firebase', [{ users }], { hashConfig: hashConfig({ mem_cost: '30' }) });
  expect(of(entries)).toMatchObject([{ reason: 'HASH_TOO_COSTLY' }, { email: 'b@x.example', bare: true }]);
});
