/** Bodies with a secret in a wrong or unreadable place. */
export const bodies: readonly [string, (secret: string) => string][] = [
  ['a secret without quotes', (secret) => `{"email":"a@example.com","password":${secret}}`],
  ['a secret in a truncated body', (secret) => `{"email":"a@example.com","password":"${secret}`],
  ['a secret in a list', (secret) => `{"email":"a@example.com","password":["${secret}"]}`],
  ['a secret in an object', (secret) => `{"email":"a@example.com","password":{"value":"${secret}"}}`],
  ['a secret as a field name', (secret) => `{"email":"a@example.com","${secret}":"x"}`],
  ['a secret as a duplicate field name', (secret) => `{"${secret}":"x","${secret}":"x"}`],
  ['a secret in an unknown field', (secret) => `{"email":"a@example.com","passwrd":"${secret}"}`],
  ['a secret as the whole body', (secret) => secret],
  ['a secret as a JSON string', (secret) => `"${secret}"`],
  ['a secret after the body', (secret) => `{"email":"a@example.com","password":"x"}${secret}`],
  [
    'a secret in a duplicate field',
    (secret) => `{"email":"a@example.com","password":"${secret}","password":"${secret}"}`,
  ],
  ['a secret with NUL', (secret) => `{"email":"a@example.com","password":"${secret}\0"}`],
  ['a secret with a lone surrogate', (secret) => String.raw`{"email":"a@example.com","password":"${secret}\ud800"}`],
  ['a secret as an email', (secret) => `{"email":"${secret}","password":"x"}`],
  ['a secret that is too long', (secret) => `{"email":"a@example.com","password":"${secret.repeat(100)}"}`],
  ['a secret as a transport', (secret) => `{"email":"a@example.com","password":"x","transport":"${secret}"}`],
  [
    'a secret in a label with a control character',
    (secret) => String.raw`{"email":"a@example.com","password":"x","device_label":"${secret}\u0007"}`,
  ],
  ['a wrong password', (secret) => `{"email":"a@example.com","password":"${secret}"}`],
];
