import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, ofFirebase } from '../testing/entries.ts';

test('supabase, as CSV and as JSON', async () => {
  const hash = `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=${ofFirebase.signerKey}$${ofFirebase.salt}$${ofFirebase.passwordHash}`;
  const rows: Readonly<Record<string, string>>[] = [
    {
      email: 'a@x.example',
      encrypted_password: hash,
      email_confirmed_at: '2020-01-02 03:04:05.6+00',
      raw_user_meta_data: '{"full_name": "Ada"}',
      created_at: '2020-01-02 03:04:05.678+01',
    },
    { email: 'b@x.example', encrypted_password: hash, banned_until: '2125-01-01 00:00:00+00' },
    { email: 'c@x.example', encrypted_password: hash, banned_until: '2020-01-01 00:00:00+00' },
    { email: 'd@x.example', encrypted_password: hash, deleted_at: '2020-01-01 00:00:00+00' },
    { email: '', encrypted_password: '', is_anonymous: 't' },
    { email: 'f@x.example', encrypted_password: hash.replace('v=1', 'v=2') },
    { email: 'g@x.example', encrypted_password: hash.replace('n=14', 'n=40') },
    { email: 'h@x.example', encrypted_password: hash.replace('sk=', 'sk=AAAA') },
    {
      email: 'i@x.example',
      encrypted_password: hash,
      banned_until: 'infinity',
      role: 'authenticated',
      is_super_admin: 't',
    },
  ];
  const columns = [
    'email',
    'encrypted_password',
    'email_confirmed_at',
    'raw_user_meta_data',
    'created_at',
    'banned_until',
    'deleted_at',
    'is_anonymous',
    'role',
    'is_super_admin',
  ];
  const cell = (value = '') => `"${value.replaceAll('"', '""')}"`;
  const csv = [columns, ...rows.map((row) => columns.map((name) => row[name]))].map(
    (row) => `${row.map(cell).join(',')}\n`,
  );
  const json = rows.map((row) => ({
    ...row,
    raw_user_meta_data: { full_name: 'Ada' },
    is_anonymous: row['is_anonymous'] === 't',
  }));
  for (const [text, place, named] of [
    [csv.join(''), (index: number) => `record ${index + 1}`, false],
    [json, (index: number) => `[${index}]`, true],
  ] as const) {
    const entries = await entriesOf('supabase', [text]);
    const name = (own: string) => (named ? 'Ada' : own);
    expect(of(entries)).toEqual([
      { place: place(0), email: 'a@x.example', name: 'Ada', verified: true, created: '2020-01-02T02:04:05' },
      { place: place(1), email: 'b@x.example', name: name('b'), disabled: true },
      { place: place(2), email: 'c@x.example', name: name('c') },
      left(place(3), 'DELETED', '', 'skipped'),
      left(place(4), 'ANONYMOUS', '', 'skipped'),
      left(place(5), 'HASH_MALFORMED', 'f@x.example'),
      left(place(6), 'HASH_TOO_COSTLY', 'g@x.example'),
      left(place(7), 'HASH_MALFORMED', 'h@x.example'),
      { place: place(8), email: 'i@x.example', name: name('i'), disabled: true },
    ]);
    await expectPasswords(entries, 'user1password');
  }
});
