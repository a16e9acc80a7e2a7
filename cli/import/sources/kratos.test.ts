import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, ofFirebase, typed } from '../testing/entries.ts';

test('kratos, with its spellings of hashes', async () => {
  const identity = (email: string, hashed: string | undefined, others = {}) => ({
    traits: { email, name: { first: 'A', last: 'B' } },
    state: 'active',
    credentials: hashed === undefined ? {} : { password: { config: { hashed_password: hashed } } },
    ...others,
  });
  const verified = (value: string, via = 'email') => ({ verifiable_addresses: [{ value, via, verified: true }] });
  const entries = await entriesOf('kratos', [
    [
      identity(
        'a@x.example',
        '$scrypt$ln=64,r=8,p=1$AAECAwQFBgcICQoLDA0ODw==$7dKaYa81bYmZzccfdMxZMPTOk9r5Xjo1QiAyLZWr4O4=',
        {
          ...verified('A@x.example'),
          created_at: '2020-01-02T03:04:05.678Z',
        },
      ),
      identity(
        'b@x.example',
        '$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$BEny8tu8Xj3HflaWZHkBhfpPGz5xqxUlf2n0cRIxbKw',
        {
          state: 'inactive',
          ...verified('other@x.example'),
        },
      ),
      identity('c@x.example', undefined, verified('c@x.example', 'sms')),
      identity('d@x.example', 'correct horse battery staple'),
      identity(
        'e@x.example',
        '$scrypt$ln=100,r=8,p=1$AAECAwQFBgcICQoLDA0ODw==$7dKaYa81bYmZzccfdMxZMPTOk9r5Xjo1QiAyLZWr4O4=',
      ),
    ],
  ]);
  expect(of(entries)).toEqual([
    { place: '[0]', email: 'a@x.example', name: 'A B', verified: true, created: '2020-01-02T03:04:05' },
    { place: '[1]', email: 'b@x.example', name: 'A B', disabled: true },
    { place: '[2]', email: 'c@x.example', name: 'A B', bare: true },
    left('[3]', 'HASH_UNSUPPORTED', 'd@x.example'),
    left('[4]', 'HASH_MALFORMED', 'e@x.example'),
  ]);
  await expectPasswords(entries, typed);
  const firebase = `$firescrypt$ln=14,r=8,p=1$${ofFirebase.salt}$${ofFirebase.passwordHash}$Bw==$${ofFirebase.signerKey}`;
  await expectPasswords(await entriesOf('kratos', [[identity('a@x.example', firebase)]]), 'user1password');
  const shaCrypt =
    '$sha512-crypt$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1';
  await expectPasswords(await entriesOf('kratos', [[identity('a@x.example', shaCrypt)]]), 'Hello world!');
});
