import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthority, openssl } from '#kit/testing/authority.ts';
import { explain } from '#kit/process/start-error.ts';
import { Secret } from '#kit/log/secret.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { byPort, emptyDatabase, portOf } from '#kit/testing/postgres.ts';
import { assertDatabase } from './assert-database.ts';
import { connectTo } from './database.ts';

function check(url: Secret): Promise<void> {
  const direct = { key: 'CART_DATABASE_DIRECT_URL', url: undefined };
  return assertDatabase({ key: 'CART_DATABASE_URL', url, direct, prepared: true });
}

/** Returns what an operator reads of a failed check. */
async function sentence(url: Secret): Promise<string> {
  try {
    await check(url);
  } catch (error) {
    return explain(error);
  }
  throw new Error('the check accepts the database');
}

function withParameters(url: Secret, parameters: Readonly<Record<string, string>>): Secret {
  const changed = new URL(url.reveal());
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return new Secret(changed.href);
}

async function database(): Promise<Secret> {
  const { url, drop } = await emptyDatabase();
  onTestFinished(drop);
  return url;
}

/** A server that closes, or answers as something else. */
async function stranger(answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('accepts a writable UTF-8 database', async () => {
  await expect(check(await database())).resolves.toBeUndefined();
});

test('refuses a database that cannot store all text', async () => {
  const url = await database();
  const name = `${new URL(url.reveal()).pathname.slice(1)}_latin1`;
  const admin = await connectTo(url);
  await admin.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
  onTestFinished(async () => {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  });
  const latin = new URL(url.reveal());
  latin.pathname = `/${name}`;
  expect(await sentence(new Secret(latin.href))).toBe(
    'the database of CART_DATABASE_URL has the encoding LATIN1, which cannot store all text. ' +
      "Create one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and set CART_DATABASE_URL to it.",
  );
});

test('refuses a read-only database', async () => {
  const url = await database();
  expect(await sentence(withParameters(url, { options: '-c default_transaction_read_only=on' }))).toBe(
    'the database of CART_DATABASE_URL is read-only: default_transaction_read_only is on for the server, database, role or URL.',
  );
});

test.each<[string, (url: URL) => void, RegExp]>([
  ['a wrong password', (url) => (url.password = 'wrong'), /^PostgreSQL rejected the password of CART_DATABASE_URL: /],
  ['no password', (url) => (url.password = ''), /^CART_DATABASE_URL has no password, and its server requires one: /],
  [
    'an unknown user',
    (url) => (url.username = 'nobody-here'),
    /^PostgreSQL rejected the password of CART_DATABASE_URL/,
  ],
  ['an unknown database', (url) => (url.pathname = '/nowhere'), /^the database of CART_DATABASE_URL does not exist: /],
  ['an unknown host', (url) => (url.hostname = 'db.invalid'), /^the host of CART_DATABASE_URL /],
  ['a closed port', (url) => (url.port = '1'), /^the database of CART_DATABASE_URL does not respond \(ECONNREFUSED\)$/],
  [
    'sslmode without TLS',
    (url) => url.searchParams.set('sslmode', 'require'),
    /^CART_DATABASE_URL requires TLS by sslmode, which its server does not have: /,
  ],
  [
    'a missing root certificate',
    (url) => url.searchParams.set('sslrootcert', '/nowhere/ca.pem'),
    /^the file of sslrootcert in CART_DATABASE_URL cannot be read: ENOENT: .*\/nowhere\/ca.pem/,
  ],
  [
    'an unknown setting',
    (url) => url.searchParams.set('options', '-c no_such_setting=1'),
    /^cannot use the database of CART_DATABASE_URL: .*no_such_setting/,
  ],
])('says in a sentence what is wrong: %s', async (_what, change, expected) => {
  const url = new URL((await database()).reveal());
  const { password } = url;
  change(url);
  const text = await sentence(new Secret(url.href));
  expect(text).toMatch(expected);
  expect(text).not.toMatch(/\n\s+at /);
  expect(text).not.toContain(password);
});

test.each(['HTTP/1.1 400 Bad Request\r\n\r\n', ''])('says that another server is there: %j', async (answer) => {
  const text = await sentence(byPort(await database(), await stranger(answer)));
  expect(text).toMatch(/CART_DATABASE_URL/);
  expect(text).not.toMatch(/\n\s+at /);
});

describeWith([openssl], 'TLS to the database', () => {
  /** Starts a TLS proxy in front of the test server, with a certificate of a private authority. */
  async function tls(url: Secret, name: string): Promise<{ readonly url: Secret; readonly authority: string }> {
    const authority = createAuthority();
    onTestFinished(() => authority.remove());
    const files = authority.issue(name);
    const [key, cert] = [readFileSync(files.key), readFileSync(files.cert)];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // The client's SSLRequest (PostgreSQL manual, section 54.2.10).
      socket.once('data', () => {
        socket.write('S');
        const secure = new TLSSocket(socket, { isServer: true, key, cert });
        const far = connect(portOf(url), '127.0.0.1');
        for (const [from, to] of [[secure, far] as const, [far, secure] as const]) {
          from.on('error', () => to.destroy());
          from.pipe(to);
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return { url: byPort(url, (server.address() as AddressInfo).port), authority: authority.file };
  }

  test.each(['require', 'verify-ca', 'verify-full'])(
    'with sslmode=%s it needs the certificate of a private authority, and then connects',
    async (sslmode) => {
      const secured = await tls(await database(), 'IP:127.0.0.1');
      expect(await sentence(withParameters(secured.url, { sslmode }))).toMatch(
        /^the TLS certificate of the database of CART_DATABASE_URL is not accepted \(\w+: .*\)\. Add sslrootcert=/,
      );
      await check(withParameters(secured.url, { sslmode, sslrootcert: secured.authority }));
    },
  );

  test('refuses the certificate of another host', async () => {
    const { url, authority } = await tls(await database(), 'DNS:other.example');
    const trusting = withParameters(url, { sslmode: 'verify-full', sslrootcert: authority });
    expect(await sentence(trusting)).toMatch(/is not accepted \(ERR_TLS_CERT_ALTNAME_INVALID: /);
  });

  test('sslmode=no-verify encrypts and accepts any certificate', async () => {
    const { url } = await tls(await database(), 'DNS:other.example');
    await expect(check(withParameters(url, { sslmode: 'no-verify' }))).resolves.toBeUndefined();
  });
});
