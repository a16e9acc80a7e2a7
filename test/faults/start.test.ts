import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { createClient } from '@connectrpc/connect';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { portKeys, useStarts } from '../starts.ts';
import { ask } from '../system.ts';

/** Runs `npm start` on a data directory per test. */

const { startOf, stopAll, running, dataDir } = useStarts();
const start = (environment: Record<string, string>) => startOf('all', environment);

const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

test('the first start creates an admin and prints the working credentials', async () => {
  await rm(path.join(dataDir(), 'postgres'), { recursive: true });
  const { edge, output } = await start({}).banner;
  const [, email, password] = /admin\s+(\S+)\s+password (\S+)/.exec(output) ?? [];
  const login = await ask(`${edge}/api/v1/auth/login`, 'POST', { body: { email, password } });
  expect([login.status, login.json.user.roles]).toEqual([200, ['admin']]);
  const key = await stat(path.join(dataDir(), 'master.key'));
  expect(key.mode & 0o777).toBe(0o600);
});

test('data and sessions survive kill -9', async () => {
  const first = start({});
  const { edge } = await first.banner;
  await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  const login = await ask(`${edge}/api/v1/auth/login`, 'POST', { body: credentials });
  first.child.kill('SIGKILL');
  await first.exited;

  const again = await start({}).banner;
  expect(again.output).toContain('created by an earlier start');
  const token: string = login.json.access_token;
  expect((await ask(`${again.edge}/api/v1/users/profile`, 'GET', { token })).json.email).toBe(credentials.email);
  const refreshed = await ask(`${again.edge}/api/v1/auth/refresh`, 'POST', {
    body: { refresh_token: login.json.refresh_token },
  });
  expect(refreshed.status).toBe(200);
});

test('of two starts on one data directory, one runs and the other exits with a message', async () => {
  const both = [start({}), start({})];
  const ends = await Promise.race(both.map(({ exited }) => exited));
  expect(ends.code).toBe(1);
  expect(ends.output).toMatch(/another Signet .*uses the data directory/);
  await Promise.any(both.map(({ banner }) => banner));
  expect(running.size).toBe(1);
});

test.each(portKeys)('a start names a port in use and its key %s, and leaves no process running', async (key) => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as { port: number };
  const { code, output } = await start({ [key]: String(port) }).exited;
  squatter.close();
  expect(code).toBe(1);
  expect(output).toContain(`port ${port} is in use by another process. Set ${key} to another port`);
  expect(output).not.toMatch(/\n\s+at /);
  expectNoServer();
});

/** The next start would take over a PostgreSQL that still runs. */
function expectNoServer(): void {
  const data = path.join(dataDir(), 'postgres', 'cluster', 'data');
  expect([existsSync(path.join(data, 'PG_VERSION')), existsSync(path.join(data, 'postmaster.pid'))]).toEqual([
    true,
    false,
  ]);
}

/** A request with a held-back body, which the server has started to read (100 Continue, RFC 9110 section 10.1.1). */
function startRequest(
  url: string,
  body: unknown,
): { started: Promise<unknown>; finish: () => Promise<number | undefined> } {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': text.length, expect: '100-continue' };
  const sent = request(url, { method: 'POST', headers, agent: false });
  const answered = once(sent, 'response');
  sent.flushHeaders();
  return {
    started: once(sent, 'continue'),
    async finish() {
      sent.end(text);
      const [answer] = (await answered) as [IncomingMessage];
      answer.resume();
      return answer.statusCode;
    },
  };
}

test('SIGTERM drains: calls in progress get their response, and the exit code is 0', async () => {
  const { child, banner, exited } = start({});
  const { edge } = await banner;
  const calls = Array.from({ length: 20 }, (_, index) =>
    startRequest(`${edge}/api/v1/auth/register`, {
      email: `p${index}@example.com`,
      password: credentials.password,
      name: 'P',
    }),
  );
  await Promise.all(calls.map(({ started }) => started));
  child.kill('SIGTERM');
  expect(await Promise.all(calls.map(({ finish }) => finish()))).toEqual(Array(20).fill(201));
  expect((await exited).code).toBe(0);
});

test('a start with DATABASE_URL uses that database and creates no other', async () => {
  await rm(path.join(dataDir(), 'postgres'), { recursive: true });
  const database = await freshDatabase();
  const { edge, output } = await start({ DATABASE_URL: database.url.reveal() }).banner;
  expect(output).toContain('from DATABASE_URL');
  await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  const db = new Client({ connectionString: database.url.reveal() });
  await db.connect();
  const { rows } = await db.query('SELECT email FROM auth.users WHERE email = $1', [credentials.email]);
  await db.end();
  expect(rows).toHaveLength(1);
  expect(existsSync(path.join(dataDir(), 'postgres'))).toBe(false);
  await stopAll();
  await database.drop();
});

test('a start reports an unreachable database without its URL', async () => {
  const { code, output } = await start({ DATABASE_URL: 'postgres://ada:hunter2@127.0.0.1:1/signet' }).exited;
  expect(code).toBe(1);
  expect(output).toContain('the database of DATABASE_URL does not respond');
  expect(output).not.toMatch(/hunter2|\n\s+at /);
});

test('a start fails when SIGNET_ADMIN_EMAIL belongs to another account and no admin exists', async () => {
  const first = start({ SIGNET_ADMIN_EMAIL: 'root@example.com' });
  const { edge } = await first.banner;
  await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...credentials, name: 'Ada' } });
  first.child.kill('SIGTERM');
  await first.exited;
  const server = await startEmbedded({ dataDir: dataDir(), log: silentLog });
  const db = new Client({ connectionString: server.url().reveal() });
  await db.connect();
  await db.query(`DELETE FROM auth.users WHERE 'admin' = ANY(roles)`);
  await db.end();
  await server.stop();
  const { code, output } = await start({ SIGNET_ADMIN_EMAIL: credentials.email }).exited;
  expect(code).toBe(1);
  expect(output).toContain('Set SIGNET_ADMIN_EMAIL to an address without an account');
});

test('an endless stream does not delay the end of the process and its database', async () => {
  const { child, banner, exited } = start({});
  const { output } = await banner;
  const port = /user\s+localhost:(\d+)/.exec(output)?.[1];
  const transport = createGrpcTransport(`127.0.0.1:${port}`, [Health]);
  const watch = createClient(Health, transport).watch({})[Symbol.asyncIterator]();
  await watch.next();
  child.kill('SIGTERM');
  expect((await exited).code).toBe(0);
  await expect(watch.next()).rejects.toThrow('unavailable');
  transport.close();
  expectNoServer();
});

test('a second signal ends the process at once and stops its database', async () => {
  const { child, banner, exited } = start({});
  const { edge } = await banner;
  const slow = Array.from({ length: 100 }, () =>
    ask(`${edge}/api/v1/auth/login`, 'POST', { body: credentials }).catch(() => undefined),
  );
  await Promise.race(slow);
  child.kill('SIGTERM');
  child.kill('SIGINT');
  await exited;
  await Promise.all(slow);
  const { output } = await start({}).banner;
  expect(output).toContain('Signet is running');
});

test('a start reports every invalid key at once, and no value', async () => {
  const { code, output } = await start({
    SIGNET_ALG: 'none-of-these',
    SIGNET_ACCESS_TTL: 'a-while',
    SIGNET_EDGE_PORT: '65536',
    SIGNET_MASTER_KEY: 'too-short-a-key',
    SIGNET_RATE_LIMIT: '-1',
  }).exited;
  expect(code).toBe(1);
  for (const key of ['SIGNET_ALG', 'SIGNET_ACCESS_TTL', 'SIGNET_EDGE_PORT', 'SIGNET_MASTER_KEY', 'SIGNET_RATE_LIMIT']) {
    expect(output.split(`${key}:`)).toHaveLength(2);
  }
  expect(output).not.toMatch(/none-of-these|a-while|65536|too-short-a-key/);
});

test('a start warns about an unknown key and continues', async () => {
  const { output } = await start({ SIGNET_ACESS_TTL: '5m' }).banner;
  expect(output).toContain('unknown configuration key SIGNET_ACESS_TTL');
});

test('a start reports that the signing key was sealed under another master key', async () => {
  const first = start({});
  await first.banner;
  first.child.kill('SIGTERM');
  await first.exited;
  const { code, output } = await start({ SIGNET_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }).exited;
  expect(code).toBe(1);
  expect(output).toContain('was sealed under another SIGNET_MASTER_KEY');
  expect(output).not.toContain((await readFile(path.join(dataDir(), 'master.key'), 'utf8')).trim());
});
