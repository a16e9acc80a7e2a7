// npm run compose:try: builds the image and runs docs/compose.md with it, in a clone of HEAD, beside a mail server
// (compose-try.yml). Takes everything down again; only Docker's build cache stays.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { ReceivedMail } from '../test/smtp.ts';
import { root } from './check/check.ts';
import { CommandError, runQuietly } from './command.mjs';
import { newcomersEnvironment } from './newcomer.ts';
import { pinnedNode } from './setup.mjs';
import { commandsOf } from './smoke/commands.ts';
import { pasteAll } from './smoke/paste.ts';

/** Maximum size of the image, MB (10^6 bytes), as `docker image ls` shows it. */
const sizeLimit = 350;
/** Timeout of the services' start, s. */
const startTimeout = 180;
/** Timeout of a mail, ms. */
const mailTimeout = 30_000;

const document = 'docs/compose.md';
/** Also the name of the image. */
const project = `signet-try-${process.pid}`;
const folder = await mkdtemp(path.join(tmpdir(), 'signet-compose-'));
const clone = path.join(folder, 'signet');
const env = newcomersEnvironment();

/** What removes the traces of the trial, in reverse order. */
const traces: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.abort());
try {
  await run();
  say('passed');
} catch (error) {
  report(error);
} finally {
  await clearAway();
}

async function run(): Promise<void> {
  await runQuietly('git', ['clone', '--quiet', root, clone]);
  await symlink(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
  const secrets = await runQuietly(pinnedNode, ['scripts/compose-env.ts'], { cwd: clone, env });
  await writeFile(path.join(clone, '.env'), secrets, { mode: 0o600 });
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  Object.assign(env, {
    COMPOSE_FILE: ['docker-compose.yml', 'scripts/compose-try.yml'].join(path.delimiter),
    COMPOSE_PROJECT_NAME: project,
    SIGNET_EDGE_PORT: `127.0.0.1:${port}`,
    SIGNET_ISSUER: origin,
    SMTP_URL: 'smtp://mail:2525',
  });

  await timed('building the image', () => docker('compose', 'build', '--quiet'));
  traces.push(() => runQuietly('docker', ['image', 'rm', project]));
  const size = Number(await docker('image', 'inspect', '--format', '{{.Size}}', project)) / 1e6;
  say(`the image has ${size.toFixed(0)} MB`);
  if (!(size <= sizeLimit)) throw new Error(`the image has ${size.toFixed(0)} MB, more than ${sizeLimit}`);
  const down = ['compose', 'down', '--volumes'];
  traces.push(() => timed('taking everything down', () => runQuietly('docker', down, { cwd: clone, env })));
  await timed('starting all containers', start);

  const text = await readFile(path.join(clone, document), 'utf8');
  const pastes = commandsOf(text.replaceAll('http://localhost:8080', origin));
  await timed(`${pastes.length} commands of ${document}`, () => pasteAll(document, pastes, clone, env));
  await timed('verifying an email by its link', () => verifyEmail(origin));
  expectNoSecret(await docker('compose', 'logs', '--no-color'), secrets);
}

/** Starts all containers and waits until each is healthy. @throws Error with their last lines */
async function start(): Promise<void> {
  try {
    await docker('compose', 'up', '--detach', '--no-build', '--wait', '--wait-timeout', String(startTimeout));
  } catch (error) {
    console.error(await docker('compose', 'logs', '--no-color', '--tail', '20'));
    throw error;
  }
}

/** Registers an account, and verifies its email with the link in the mail. */
async function verifyEmail(origin: string): Promise<void> {
  const [email, password] = ['ada@example.com', randomUUID()];
  const post = async (route: string, body: object, token = '') => {
    const response = await fetch(`${origin}/api/v1/auth/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    });
    const json = (await response.json()) as { access_token?: string };
    if (!response.ok) throw new Error(`${route}: ${response.status} ${JSON.stringify(json)}`);
    return json;
  };
  await post('register', { email, password, name: 'Ada' });
  const { access_token: token } = await post('login', { email, password });
  await post('email/verification', {}, token);
  const link = await mailTo(email, /\/verify-email#token=([\w-]+)/);
  await post('email/verify', { token: link, password });
}

/** Waits for a mail whose text matches a pattern, and returns the first group. */
async function mailTo(email: string, pattern: RegExp): Promise<string> {
  const deadline = Date.now() + mailTimeout;
  for (;;) {
    const lines = (await docker('compose', 'logs', '--no-log-prefix', '--no-color', 'mail'))
      .split('\n')
      .filter(Boolean);
    const mails = lines.map((line) => JSON.parse(line) as ReceivedMail);
    const found = mails.find(({ to, text }) => to === email && pattern.test(text));
    if (found) return pattern.exec(found.text)?.[1] ?? '';
    if (Date.now() > deadline) throw new Error(`no mail with ${pattern} has come in ${mailTimeout / 1_000} s`);
    await delay(200);
  }
}

/** @throws Error with the name of a variable whose value a log has */
function expectNoSecret(logs: string, lines: string): void {
  for (const line of lines.split('\n').filter(Boolean)) {
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    // It has the public keys.
    if (name !== 'SIGNET_SERVICES' && logs.includes(value)) throw new Error(`the logs have the value of ${name}`);
  }
}

/** Removes the containers, their data, the image and the clone. */
async function clearAway(): Promise<void> {
  for (let trace = traces.pop(); trace; trace = traces.pop()) await trace().catch(report);
}

function report(error: unknown): void {
  if (error instanceof CommandError) console.error(error.output.trimEnd());
  console.error(`FAIL ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Runs docker in the clone, unless this trial is stopped. @returns its output */
async function docker(...args: string[]): Promise<string> {
  const output = await runQuietly('docker', args, { cwd: clone, env, signal: stopped.signal });
  // Compose writes some of them to pipes, too.
  return stripVTControlCharacters(output);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  say(`${what} took ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  return result;
}

function say(text: string): void {
  console.log(`compose: ${text}`);
}
