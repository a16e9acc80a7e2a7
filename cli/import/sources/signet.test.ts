import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

test('csv: reads what spreadsheets write, and ignores other columns', async () => {
  const phc = '$argon2i$v=19$m=64,t=2,p=2$BCBEyJkTotT6H+O8V0pJaQ$3dEjzcSw1w60eGv7A+hHVMNlubwXbfbRa7LZFfPTPaU';
  const head = 'Name;EMAIL;Password_Hash;Email_Verified;Created_At;Disabled;Roles';
  const rows = [
    `Ada;a@x.example;${phc};TRUE;2020-01-02;;admin`,
    `"Two\r\nlines"; b@x.example ;${phc};WAHR;;1;`,
    `C;c@x.example;=cmd|' /C calc'!A0;FALSE;;;`,
    `D;d@x.example;;;05.04.2023;;`,
    `\u200B;e@x.example;;;;;`,
    `${'x'.repeat(150)};f@x.example;;;;;`,
    `G;;;;;;`,
  ];
  const entries = await entriesOf('csv', [`\uFEFF${[head, ...rows, '', ''].join('\r\n')}`]);
  expect(of(entries)).toEqual([
    { place: 'record 1', email: 'a@x.example', name: 'Ada', verified: true, created: '2020-01-02T00:00:00' },
    { place: 'record 2', email: 'b@x.example', name: 'Two lines', disabled: true },
    left('record 3', 'HASH_UNSUPPORTED', 'c@x.example'),
    left('record 4', 'INVALID_ARGUMENT'),
    { place: 'record 5', email: 'e@x.example', name: 'e', bare: true },
    { place: 'record 6', email: 'f@x.example', name: 'x'.repeat(100), bare: true },
    left('record 7', 'EMAIL_MISSING'),
  ]);
  await expectPasswords(entries, typed);
});

test("csv: reads passlib's hashes", async () => {
  for (const hash of [
    '$pbkdf2-sha256$1000$....................$046OzhQt8HQwwUMN5MQ3Ha.t18vRNwaYDX/hWRiemuQ',
    '$pbkdf2$1000$....................$KlfeaK4vqHXbGMfig/5RLJVmvi0',
    '$scrypt$ln=4,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$R0ZNzzTp4pcj2owyuKuj6wNsJqimj+tMKzPDJWta6Po',
  ]) {
    await expectPasswords(await entriesOf('csv', [`email,password_hash\na@x.example,"${hash}"\n`]), typed);
  }
});

test.each([
  ['a column is missing', 'name,mail\nAda,a@x.example\n', 'no column email'],
  ['a quote is not closed', 'email,name\na@x.example,"Ada\n', 'not valid CSV after record 0'],
  ['it is not UTF-8', Buffer.from('email,name\na@x.example,Zo\xEB\n', 'latin1'), 'not UTF-8'],
])('csv: stops if %s', async (_, text, message) => {
  await expect(entriesOf('csv', [text])).rejects.toThrow(message);
});

test('json: the only source whose accounts have roles', async () => {
  const account = { email: 'a@x.example', name: 'Ada', roles: ['support'] };
  const [entry] = await entriesOf('json', [[account]]);
  expect(entry).toMatchObject({ user: { roles: ['support'] } });
});

test('an account whose hash is refused is imported without a password on request', async () => {
  const csv = 'email,password_hash\na@x.example,5f4dcc3b5aa765d61d8327deb882cf99\n';
  expect(of(await entriesOf('csv', [csv], { dropHashes: true }))).toMatchObject([{ email: 'a@x.example', bare: true }]);
});
