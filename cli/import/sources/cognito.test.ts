import { expect, test } from 'vitest';
import { entriesOf, left, of } from '../testing/entries.ts';

test('cognito, as JSON and as CSV', async () => {
  const user = (attributes: Record<string, string>, others = {}) => ({
    Username: 'u',
    Attributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
    Enabled: true,
    ...others,
  });
  const Users = [
    user(
      { email: 'a@x.example', email_verified: 'true', name: 'Ada' },
      { UserCreateDate: '2020-01-02T03:04:05.678000+01:00' },
    ),
    user(
      { email: 'b@x.example', given_name: 'Bob', family_name: 'B.' },
      { Enabled: false, UserCreateDate: 1_600_000_000.5 },
    ),
    user({ phone_number: '+1555' }),
  ];
  expect(of(await entriesOf('cognito', [{ Users }]))).toEqual([
    {
      place: 'Users[0]',
      email: 'a@x.example',
      name: 'Ada',
      verified: true,
      created: '2020-01-02T02:04:05',
      bare: true,
    },
    {
      place: 'Users[1]',
      email: 'b@x.example',
      name: 'Bob B.',
      disabled: true,
      created: '2020-09-13T12:26:40',
      bare: true,
    },
    left('Users[2]', 'EMAIL_MISSING'),
  ]);
  const csv = 'cognito:username,name,email,email_verified\nu,"Two\nlines, ""quoted""",a@x.example,TRUE\nv,,,FALSE\n';
  expect(of(await entriesOf('cognito', [csv]))).toEqual([
    { place: 'record 1', email: 'a@x.example', name: 'Two lines, "quoted"', verified: true, bare: true },
    left('record 2', 'EMAIL_MISSING'),
  ]);
});
