import { expect, test } from 'vitest';
import { entriesOf, expectPasswords, left, of, typed } from '../testing/entries.ts';

test('django, with the hashes of its hashers', async () => {
  const user = (email: string, password: string, others = {}) => ({
    model: 'shop.customer',
    fields: { email, password, username: email.slice(0, 1), first_name: '', last_name: '', is_active: true, ...others },
  });
  const entries = await entriesOf('django', [
    [
      { model: 'auth.group', pk: 1, fields: { name: 'admins' } },
      user('a@x.example', 'pbkdf2_sha256$1000$textOfASalt$grc8TpbK7tPQ5rfYP3buB8Qlr+5+Qib8dO8XMFx4+OI=', {
        first_name: 'Ada',
        last_name: 'L.',
        is_superuser: true,
        is_staff: true,
        date_joined: '2020-01-02T03:04:05.678Z',
      }),
      user('b@x.example', 'pbkdf2_sha1$1000$textOfASalt$Bp967TweFJ3c7eWGp/rX0/2pr6I=', { name: 'Bob of authentik' }),
      user(
        'c@x.example',
        'scrypt$16$textOfASalt$8$5$ovndnymKALQ21g6MP1BoPqVISdabIBA1FShvkQcO/Vv01Gvq7auNmwb4ETY8fohoLcoh8p1XoEdRE0OhM+fe9w==',
      ),
      user(
        'd@x.example',
        'argon2$argon2i$v=19$m=64,t=2,p=2$BCBEyJkTotT6H+O8V0pJaQ$3dEjzcSw1w60eGv7A+hHVMNlubwXbfbRa7LZFfPTPaU',
        { is_active: false },
      ),
      user('e@x.example', '!unusable'),
      user('f@x.example', ''),
      user('g@x.example', 'pbkdf2_sha256$1000$textOfASalt'),
      user('h@x.example', 'pbkdf2_sha256$2e5$textOfASalt$grc8TpbK7tPQ5rfYP3buB8Qlr+5+Qib8dO8XMFx4+OI='),
      user('i@x.example', 'scrypt$17$textOfASalt$8$5$ovndnymKALQ21g6MP1BoPqVISdabIBA1FShvkQcO'),
      user('j@x.example', 'sha1$salt$b8e2c5c0f1b6a2d0e1a7a0b7e0c1d2e3f4a5b6c7'),
      user('', '!unusable', { type: 'service_account' }),
      user('', 'pbkdf2_sha256$1000$textOfASalt$grc8TpbK7tPQ5rfYP3buB8Qlr+5+Qib8dO8XMFx4+OI='),
    ],
  ]);
  expect(of(entries)).toEqual([
    { place: '[1]', email: 'a@x.example', name: 'Ada L.', created: '2020-01-02T03:04:05' },
    { place: '[2]', email: 'b@x.example', name: 'Bob of authentik' },
    { place: '[3]', email: 'c@x.example', name: 'c' },
    { place: '[4]', email: 'd@x.example', name: 'd', disabled: true },
    { place: '[5]', email: 'e@x.example', name: 'e', bare: true },
    { place: '[6]', email: 'f@x.example', name: 'f', bare: true },
    left('[7]', 'HASH_MALFORMED', 'g@x.example'),
    left('[8]', 'HASH_MALFORMED', 'h@x.example'),
    left('[9]', 'HASH_MALFORMED', 'i@x.example'),
    left('[10]', 'HASH_UNSUPPORTED', 'j@x.example'),
    left('[11]', 'SERVICE_ACCOUNT', '', 'skipped'),
    left('[12]', 'EMAIL_MISSING'),
  ]);
  await expectPasswords(entries, typed);
});
