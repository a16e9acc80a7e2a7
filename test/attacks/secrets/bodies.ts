/** Bodies that hold a secret where it does not belong or cannot be read. */
export const bodies: readonly [string, (secret: string) => string][] = [
  ['a secret without quotes', (secret) => `{"email":"a@example.com","password":${secret}}`],
  ['a secret before the end is lost', (secret) => `{"email":"a@example.com","password":"${secret}`],
  ['a secret in a list', (secret) => `{"email":"a@example.com","password":["${secret}"]}`],
  ['a secret in an object', (secret) => `{"email":"a@example.com","password":{"value":"${secret}"}}`],
  ['a secret as a name', (secret) => `{"email":"a@example.com","${secret}":"x"}`],
  ['a secret as a name, twice', (secret) => `{"${secret}":"x","${secret}":"x"}`],
  ['a secret in an unknown field', (secret) => `{"email":"a@example.com","passwrd":"${secret}"}`],
  ['a secret as the whole body', (secret) => secret],
  ['a secret as a string', (secret) => `"${secret}"`],
  ['a secret after the body', (secret) => `{"email":"a@example.com","password":"x"}${secret}`],
  ['a secret twice', (secret) => `{"email":"a@example.com","password":"${secret}","password":"${secret}"}`],
  ['a secret with NUL', (secret) => `{"email":"a@example.com","password":"${secret}\0"}`],
  [
    'a secret with half of a surrogate pair',
    (secret) => String.raw`{"email":"a@example.com","password":"${secret}\ud800"}`,
  ],
  ['a secret as an email', (secret) => `{"email":"${secret}","password":"x"}`],
  ['a secret too long', (secret) => `{"email":"a@example.com","password":"${secret.repeat(100)}"}`],
  ['a secret as a transport', (secret) => `{"email":"a@example.com","password":"x","transport":"${secret}"}`],
  [
    'a secret in a label with a control character',
    (secret) => String.raw`{"email":"a@example.com","password":"x","device_label":"${secret}\u0007"}`,
  ],
  ['a wrong password', (secret) => `{"email":"a@example.com","password":"${secret}"}`],
];
