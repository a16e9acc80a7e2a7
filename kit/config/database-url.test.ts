import { expect, test } from 'vitest';
import { databaseUrl } from './database-url.ts';

function messages(url: string): string[] {
  return databaseUrl.safeParse(url).error?.issues.map(({ message }) => message) ?? [];
}

test.each([
  'postgres://signet:secret@127.0.0.1:5432/signet',
  'postgresql://signet@db.example.com/signet?sslmode=verify-full&sslrootcert=/etc/ca.pem',
  'postgres://signet:p%25%23%2F%3F%40%3A@127.0.0.1/signet',
  'postgres://signet:a@b@127.0.0.1/signet',
  'postgres://signet:secret@[::1]:5432/signet',
  'postgres://embedded',
])('accepts %s', (url) => {
  expect(databaseUrl.parse(url).reveal()).toBe(url);
});

test.each(['pa%ss', 'pa%2', 'pa#ss', '12#ss', 'pa?ss', '12?ss', 'pa/ss', '12/ss', 'pa:ss/x'])(
  'says of the password %s that it must be percent-encoded, and does not print it',
  (password) => {
    const [message, ...others] = messages(`postgres://signet:${password}@127.0.0.1/signet`);
    expect(message).toContain('must be percent-encoded: % is written %25, # is %23');
    expect(message).not.toContain(password);
    expect(others).toEqual([]);
  },
);

test.each([
  ['"postgres://signet:secret@127.0.0.1/signet"', 'must not have quotation marks around it'],
  ["'postgres://signet:secret@127.0.0.1/signet'", 'must not have quotation marks around it'],
  ['postgres://signet:secret@a,b/signet', /^must name one host/],
  ['postgres://signet:secret@a:5432,b:5432/signet', /^must name one host/],
  ['mysql://signet:secret@127.0.0.1/signet', /^must be a URL that begins with postgres:\/\//],
  ['host=127.0.0.1 user=signet', /^must be a URL that begins with postgres:\/\//],
  ['postgres://signet:secret@127.0.0.1/signet\n', 'must not contain spaces or line breaks'],
  ['postgres://signet:sec ret@127.0.0.1/signet', 'must not contain spaces or line breaks'],
  ['postgres://signet:secret@127.0.0.1:port/signet', /^must be postgres:\/\/user:password@host:port\/database/],
  ['postgres://signet:secret@127.0.0.1/signet?sslmode=on', /^sslmode must be one of disable, /],
])('refuses %s', (url, message) => {
  expect(messages(url)).toEqual([expect.stringMatching(message)]);
});
