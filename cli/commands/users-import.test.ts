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
  expect([first.exit, first.json()]).toEqual([0, { created: 1_250, email_taken: 0, rejected: 0, rejected_lines: [] }]);
  expect(first.stderr).toBe('signet: line 1000: 1000 created, 0 email taken, 0 rejected\n');
  const second = await importing(name);
  expect(second.exit).toBe(0);
  expect(second.stdout).toBe('created      0\nemail taken  1250\nrejected     0\n');
  const { email } = accounts[1_249]!;
  const login = await system.rest('POST', '/auth/login', { body: { email, password: 'an old password' } });
  expect(login.status).toBe(200);
});

test('rejects invalid lines with number and reason, without quoting them', async () => {
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
    JSON.stringify({ ...sound, name: secret.repeat(1_000) }),
    Buffer.from([0x22, 0xff, 0x22]),
    JSON.stringify({ ...sound, email: address(), roles: ['nobody-defined-it'] }),
    JSON.stringify({ ...sound, email: sound.email.toUpperCase() }),
    `  ${JSON.stringify({ ...sound, email: address(), created_at: '2020-02-03T04:05:06Z' })}\r`,
  ];
  const marked = Buffer.concat([
    Buffer.from([0xef, 0xbb, 0xbf]),
    ...lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]),
  ]);
  const { exit, stdout, stderr, json } = await importing(await file(marked), '--json');
  expect(json()).toEqual({
    created: 2,
    email_taken: 1,
    rejected: 11,
    rejected_lines: [
      { line: 3, reason: expect.stringMatching(/^password_hash: must be a bcrypt hash/) },
      { line: 4, reason: expect.stringMatching(/^email: /) },
      { line: 5, reason: 'password: Unknown field.' },
      { line: 6, reason: expect.stringMatching(/^password_hash: /) },
      { line: 7, reason: 'Not valid JSON.' },
      { line: 8, reason: expect.stringContaining('JSON object') },
      { line: 9, reason: expect.stringMatching(/^name: /) },
      { line: 10, reason: 'password_hash: must have a bcrypt cost of at most 14' },
      { line: 11, reason: 'longer than 16384 bytes' },
      { line: 12, reason: 'Not valid UTF-8.' },
      { line: 13, reason: 'has an unknown role (ROLE_UNKNOWN)' },
    ],
  });
  expect([exit, stderr]).toEqual([1, 'signet: rejected lines: 11.\n']);
  for (const part of [secret, hash, hash.slice(7)]) expect(stdout).not.toContain(part);
});

test('a dry run validates every line without contacting the server', async () => {
  const accounts = [{ email: address(), name: 'Ada', password_hash: hash }, { email: address() }];
  const name = await file(jsonLines(accounts));
  const dry = await run(['users', 'import', name, '--dry-run', '--url', 'http://localhost:1']);
  expect([dry.exit, dry.stderr]).toEqual([1, 'signet: rejected lines: 1.\n']);
  expect(dry.stdout).toMatch(/^valid +1\nrejected +1\nLINE +REASON\n2 +name: /);
  const listed = await run(['users', 'show', accounts[0]!.email], { environment: as(system) });
  expect(listed.exit, 'nothing was made').toBe(1);
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

test('stops when the server refuses, while standard input is still open', async () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const ada = await system.person();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'users', 'import', '-'], {
    env: { ...childEnvironment, ...as(system, ada) },
    cwd: tmpdir(),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  // Standard input stays open.
  child.stdin.write(jsonLines(Array.from({ length: 100 }, () => ({ email: address(), name: 'Ada' }))));
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
