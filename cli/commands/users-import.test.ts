import * as bcrypt from '@node-rs/bcrypt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { openSystem, type System } from '../../test/system.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { as, run } from '../testing/run.ts';

let system: System;
let folder: string;
let hash: string;
beforeAll(async () => {
  system = await openSystem({ hashing: 'real' });
  folder = await mkdtemp(path.join(tmpdir(), 'signet-import-'));
  hash = system.secret(await bcrypt.hash('an old password', { cost: 4 }));
});
afterAll(async () => {
  await system.close();
  await rm(folder, { recursive: true });
});

const address = () => `c${randomBytes(6).toString('hex')}@example.com`;
const jsonLines = (accounts: readonly unknown[]) => accounts.map((account) => `${JSON.stringify(account)}\n`).join('');

async function file(text: string | Buffer): Promise<string> {
  const name = path.join(folder, `${randomBytes(6).toString('hex')}.jsonl`);
  await writeFile(name, text);
  return name;
}

const importing = (...args: string[]) => run(['users', 'import', ...args], { environment: as(system) });

test('imports accounts in pages with progress messages; a repeated import creates none', async () => {
  const accounts = Array.from({ length: 1_250 }, (_, n) => ({ email: address(), name: `P ${n}`, password_hash: hash }));
  const name = await file(jsonLines(accounts));
  const first = await importing(name, '--json');
  const counts = { without_password: 0, disabled: 0, skipped: 0, rejected: 0, left_out: [] };
  expect([first.exit, first.json()]).toEqual([0, { created: 1_250, email_taken: 0, ...counts }]);
  expect(first.stderr).toBe(
    'signet: accounts: 1000, created 1000, email taken 0, without password 0, disabled 0, skipped 0, rejected 0\n',
  );
  const second = await importing(name);
  expect(second.exit).toBe(0);
  expect(second.stdout).toBe(
    'created           0\nemail taken       1250\nwithout password  0\ndisabled          0\nskipped           0\nrejected          0\n',
  );
  const { email } = accounts[1_249]!;
  const login = await system.rest('POST', '/auth/login', { body: { email, password: 'an old password' } });
  expect(login.status).toBe(200);
});

test('rejects invalid lines with place and reason, without quoting them', async () => {
  const sound = { email: address(), name: 'Ada', password_hash: hash, roles: ['user'], email_verified: true };
  const secret = 'hunter2-in-plain-text';
  const lines: (string | Buffer)[] = [
    JSON.stringify(sound),
    '',
    JSON.stringify({ ...sound, password_hash: secret }),
    JSON.stringify({ ...sound, email: secret }),
    JSON.stringify({ ...sound, password: secret }),
    JSON.stringify({ ...sound, password_hash: [secret] }),
    `{"email": "${secret}`,
    JSON.stringify([secret]),
    JSON.stringify({ email: address() }),
    JSON.stringify({ ...sound, password_hash: hash.replace('$04$', '$15$') }),
    JSON.stringify({ ...sound, name: secret.repeat(4_000) }),
    Buffer.from([0x22, 0xff, 0x22]),
    JSON.stringify({ ...sound, email: address(), roles: ['nobody-defined-it'] }),
    JSON.stringify({ ...sound, email: sound.email.toUpperCase() }),
    `  ${JSON.stringify({ ...sound, email: address(), created_at: '2020-02-03T04:05:06Z' })}\r`,
    `{"email": "${address()}", "name": "Ada", "name": "Grace"}`,
  ];
  const marked = Buffer.concat([
    Buffer.from([0xef, 0xbb, 0xbf]),
    ...lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]),
  ]);
  const { exit, stdout, stderr, json } = await importing(await file(marked), '--json');
  const { email } = sound;
  const rejected = (line: number, reason: string, description: unknown, of = '') => ({
    place: `line ${line}`,
    email: of,
    outcome: 'rejected',
    reason,
    description,
  });
  expect(json()).toEqual({
    created: 2,
    email_taken: 0,
    without_password: 0,
    disabled: 0,
    skipped: 0,
    rejected: 13,
    left_out: [
      rejected(3, 'HASH_UNSUPPORTED', expect.stringMatching(/^password_hash: is of no supported format/), email),
      rejected(4, 'EMAIL_INVALID', expect.stringMatching(/^email: /)),
      rejected(5, 'INVALID_ARGUMENT', 'password: Unknown field.'),
      rejected(6, 'INVALID_ARGUMENT', expect.stringMatching(/^password_hash: /)),
      rejected(7, 'NOT_JSON', 'Not valid JSON.'),
      rejected(8, 'INVALID_ARGUMENT', expect.stringContaining('JSON object')),
      rejected(9, 'INVALID_ARGUMENT', expect.stringMatching(/^name: /), expect.any(String)),
      rejected(10, 'HASH_TOO_COSTLY', 'password_hash: must have a bcrypt cost of at most 14', email),
      rejected(11, 'NOT_JSON', 'longer than 65536 bytes'),
      rejected(12, 'NOT_JSON', 'Not valid UTF-8.'),
      rejected(13, 'ROLE_UNKNOWN', 'has an unknown role', expect.any(String)),
      rejected(14, 'EMAIL_REPEATED', 'has the email of an earlier account of this import', email.toUpperCase()),
      rejected(16, 'INVALID_ARGUMENT', expect.stringContaining('repeated')),
    ],
  });
  expect([exit, stderr]).toEqual([1, 'signet: rejected accounts: 13.\n']);
  for (const part of [secret, hash, hash.slice(7)]) expect(stdout).not.toContain(part);
});

test('a dry run validates every line without contacting the server', async () => {
  const accounts = [{ email: address(), name: 'Ada', password_hash: hash }, { email: address() }];
  const name = await file(jsonLines(accounts));
  const dry = await run(['users', 'import', name, '--dry-run', '--url', 'http://localhost:1']);
  expect([dry.exit, dry.stderr]).toEqual([1, 'signet: rejected accounts: 1.\n']);
  expect(dry.stdout).toMatch(
    /^valid +1\n(.+\n){3}rejected +1\nPLACE +EMAIL +OUTCOME +REASON\nline 2 +\S+ +rejected +name: /,
  );
  const listed = await run(['users', 'show', accounts[0]!.email], { environment: as(system) });
  expect(listed.exit, 'nothing was made').toBe(1);
});

test.each([
  ['an empty file', ''],
  ['blank lines', '\n\n'],
  ['an empty array', '[]'],
])('an import of nothing fails: %s', async (_, text) => {
  const name = await file(text);
  for (const args of [[name], [name, '--dry-run']]) {
    const { exit, stderr } = await importing(...args);
    expect([exit, stderr]).toEqual([1, 'signet: the files have no account to import.\n']);
  }
});

test.each([
  ['a CSV', 'email,name\nada@example.com,Ada\n', 'is not JSON, but perhaps CSV'],
  ['a JSON document', '{\n  "users": []\n}\n', 'is one JSON document'],
  ['UTF-16', Buffer.from('\uFEFF{"email":"a"}', 'utf16le'), 'is UTF-16'],
  ['compressed', gzipSync('{"email":"ada@example.com"}'), 'unpack it with gunzip'],
])('says once that a file is %s', async (_, text, message) => {
  const { exit, stdout, stderr } = await importing(await file(text));
  expect([exit, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)]);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});

test('reads a JSON array like JSON Lines', async () => {
  const accounts = [{ email: address(), name: 'Ada', roles: ['support'], password_hash: hash }, { email: address() }];
  const { exit, json } = await importing(await file(JSON.stringify(accounts, null, 2)), '--json');
  expect([exit, json()]).toMatchObject([1, { created: 1, rejected: 1, left_out: [{ place: '[1]' }] }]);
  const shown = await run(['users', 'show', accounts[0]!.email, '--json'], { environment: as(system) });
  expect(shown.json().roles).toEqual(['support']);
});

test('one account of a Keycloak realm without credentialData and dates does not affect the next', async () => {
  const [bad, good] = [address(), address()];
  const realm = {
    realm: 'shop',
    users: [
      {
        email: bad,
        enabled: true,
        createdTimestamp: 1,
        credentials: [{ type: 'password', hashedSaltedValue: 'AA', salt: 'AA' }],
      },
      { email: good, enabled: true, realmRoles: ['admin'] },
    ],
  };
  const { exit, json } = await importing(await file(JSON.stringify(realm)), '--from', 'keycloak', '--json');
  expect([exit, json()]).toMatchObject([
    1,
    {
      created: 1,
      without_password: 1,
      rejected: 1,
      left_out: [{ place: 'users[0]', email: bad, reason: 'HASH_MALFORMED' }],
    },
  ]);
  const shown = await run(['users', 'show', good, '--json'], { environment: as(system) });
  expect(shown.json()).toMatchObject({ roles: ['user'], name: good.split('@')[0] });
});

test('stops at a damaged JSON array and says what was imported', async () => {
  const emails = Array.from({ length: 150 }, address);
  const text = JSON.stringify(emails.map((email) => ({ email, name: 'Ada' })));
  const { exit, stderr } = await importing(await file(text.slice(0, -10)));
  expect([exit, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^signet: stopped after \[99\]: accounts: 100, created 100, .+\nsignet: \S+ is not valid JSON near \[1\d\d\], or not an array there\.\n$/,
    ),
  ]);
});

test('imports several files, and names the file of what it rejects', async () => {
  const [first, second] = [
    await file(jsonLines([{ email: address(), name: 'Ada' }])),
    await file(jsonLines([{ email: 'none', name: 'Ada' }])),
  ];
  const { exit, json } = await importing(first, second, '--json');
  expect([exit, json()]).toMatchObject([1, { created: 1, left_out: [{ place: `${second}: line 1` }] }]);
});

test('--drop-refused-hashes imports accounts whose hash is refused without a password', async () => {
  const accounts = [
    { email: address(), name: 'Ada', password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' },
    { email: address(), name: 'Ada', password_hash: hash },
  ];
  const { exit, json } = await importing(await file(jsonLines(accounts)), '--drop-refused-hashes', '--json');
  expect([exit, json()]).toMatchObject([0, { created: 2, without_password: 1, rejected: 0 }]);
});

test('a disabled account is imported, cannot sign in, and can be enabled', async () => {
  const email = address();
  const account = { email, name: 'Ada', password_hash: hash, disabled: true };
  const { json } = await importing(await file(jsonLines([account])), '--json');
  expect(json()).toMatchObject({ created: 1, disabled: 1 });
  const login = () => system.rest('POST', '/auth/login', { body: { email, password: 'an old password' } });
  expect((await login()).json.code).toBe('INVALID_CREDENTIALS');
  expect((await run(['users', 'enable', email], { environment: as(system) })).exit).toBe(0);
  expect((await login()).status).toBe(200);
});

test('the same duplicate is reported again when the import is repeated', async () => {
  const email = address();
  const name = await file(
    jsonLines([
      { email, name: 'Ada' },
      { email: email.toUpperCase(), name: 'Grace' },
    ]),
  );
  for (const counts of [
    { created: 1, email_taken: 0 },
    { created: 0, email_taken: 1 },
  ]) {
    const { exit, json } = await importing(name, '--json');
    expect([exit, json()]).toMatchObject([1, { ...counts, rejected: 1, left_out: [{ reason: 'EMAIL_REPEATED' }] }]);
  }
});

test.each([
  [['--from', 'firebase'], '--from firebase needs --hash-config.'],
  [['--from', 'keycloak', '--hash-config', 'x'], '--from keycloak has no --hash-config.'],
  [['--from', 'access'], /'--from <product>' argument 'access' is invalid/],
])('refuses options that do not fit: %j', async (options, message) => {
  const { exit, stderr } = await importing(await file('[]'), ...options);
  expect([exit, stderr]).toEqual([2, expect.stringMatching(message)]);
});

test('refuses standard input for a source that reads twice', async () => {
  const { exit, stderr } = await importing('-', '--from', 'auth0');
  expect([exit, stderr]).toEqual([2, expect.stringContaining('reads files twice')]);
});

test('reads standard input and sends 100 accounts of maximum size in one call', async () => {
  const roles = Array.from({ length: 20 }, (_, n) => `role-${n}-${'x'.repeat(50)}`);
  const accounts = Array.from({ length: 100 }, () => ({ email: address(), name: 'é'.repeat(100), roles }));
  const input = jsonLines(accounts);
  expect(Buffer.byteLength(input)).toBeGreaterThan(2 * 64 * 1024);
  const { json } = await run(['users', 'import', '-', '--json'], { environment: as(system), input });
  expect(json()).toMatchObject({ created: 0, rejected: 100 });
  const bare = accounts.map(({ email, name }) => ({ email, name }));
  const done = await run(['users', 'import', '-', '--json'], { environment: as(system), input: jsonLines(bare) });
  expect([done.exit, done.json()]).toMatchObject([0, { created: 100 }]);
});

test('reports an unreadable file as a usage error', async () => {
  for (const name of [path.join(folder, 'is-not-there'), folder]) {
    const { exit, stderr } = await importing(name);
    expect([exit, stderr]).toEqual([2, expect.stringMatching(/cannot be read \((ENOENT|EISDIR)\)\.\n$/)]);
  }
});

test.each([
  ['json', (accounts: readonly object[]) => jsonLines(accounts)],
  ['keycloak', (accounts: readonly object[]) => `{"users": ${JSON.stringify(accounts)},`],
  ['csv', (accounts: readonly { email: string }[]) => `email\n${accounts.map(({ email }) => `${email}\n`).join('')}`],
])('stops when the server refuses, while standard input is still open, --from %s', async (from, write) => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const ada = await system.person();
  const args = ['--disable-warning=ExperimentalWarning', main, 'users', 'import', '-', '--from', from];
  const child = spawn(process.execPath, args, {
    env: { ...childEnvironment, ...as(system, ada) },
    cwd: tmpdir(),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  // Standard input stays open.
  child.stdin.write(write(Array.from({ length: 200 }, () => ({ email: address(), name: 'Ada' }))));
  const [exit] = await once(child, 'close');
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/^signet: .+ \(INSUFFICIENT_SCOPE\)\n$/)]);
});

test('retries a page after the delay of a rate limit', async () => {
  const calls: { readonly at: number; readonly emails: string[] }[] = [];
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(AdminService, {
          importUsers({ users }) {
            calls.push({ at: performance.now(), emails: users.map(({ email }) => email) });
            if (calls.length === 2) throw failure('RATE_LIMITED', { retryAfter: 1 });
            return { results: users.map(({ email }) => ({ email, outcome: 'created' })) };
          },
        }),
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const emails = Array.from({ length: 201 }, address);
  const { exit, stderr, json } = await run(['users', 'import', '-', '--json'], {
    environment: {
      SIGNET_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      SIGNET_CLI_TOKEN: 'a.b.c',
    },
    input: jsonLines(emails.map((email) => ({ email, name: 'Ada' }))),
  });
  server.close();
  expect([exit, json()]).toMatchObject([0, { created: 201 }]);
  expect(stderr).toBe('signet: rate limited; retrying in 1 s\n');
  const [first, second, third] = [emails.slice(0, 100), emails.slice(100, 200), emails.slice(200)];
  expect(calls.map((call) => call.emails)).toEqual([first, second, second, third]);
  expect(calls[2]!.at - calls[1]!.at).toBeGreaterThan(990);
});
