import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

test('better-auth: takes the row of the credential, and knows bans that are over', async () => {
  const stored =
    '00112233445566778899aabbccddeeff:0d1e9fb01f68bf8f57c2d2b4e53672f9dd66fc76772a6cc9f2e3db83e256e0e28efd2a7e6c92c412948bd868457f1ff378c9754150e35dc4833e3d962e5c28d6';
  const user = (id: string, others = {}) => ({
    id,
    email: `${id}@x.example`,
    name: id,
    emailVerified: true,
    ...others,
  });
  const credential = (userId: string, password: string | null) => ({ userId, providerId: 'credential', password });
  const entries = await entriesOf('better-auth', [
    {
      user: [
        user('a', { role: 'admin', createdAt: '2020-01-02T03:04:05.678Z' }),
        user('b', { banned: true, banExpires: null, emailVerified: false }),
        user('c', { banned: true, banExpires: '2020-01-02T03:04:05.678Z' }),
        user('d'),
        user('e'),
        user('f'),
      ],
      account: [
        { userId: 'a', providerId: 'google', password: null },
        credential('a', stored),
        credential('b', stored),
        credential('c', stored),
        credential('d', null),
        credential('f', stored.slice(0, -2)),
      ],
    },
  ]);
  expect(of(entries)).toEqual([
    { place: 'user[0]', email: 'a@x.example', name: 'a', verified: true, created: '2020-01-02T03:04:05' },
    { place: 'user[1]', email: 'b@x.example', name: 'b', disabled: true },
    { place: 'user[2]', email: 'c@x.example', name: 'c', verified: true },
    { place: 'user[3]', email: 'd@x.example', name: 'd', verified: true, bare: true },
    { place: 'user[4]', email: 'e@x.example', name: 'e', verified: true, bare: true },
    left('user[5]', 'HASH_MALFORMED', 'f@x.example'),
  ]);
  await expectPasswords(entries, typed);
});
