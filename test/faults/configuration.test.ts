import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { createAuthority, openssl } from '#kit/testing/authority.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { portKeys } from '../ports.ts';
import { useStarts } from '../starts.ts';

/** Faults of the configuration and of the machine: one sentence that names the key, and no stack. */

const { startOf } = useStarts('empty');

/** Starts and expects the start to fail. Returns its output. */
async function failedStart(name: 'all' | 'fleet', environment: Record<string, string>): Promise<string> {
  const { code, output } = await startOf(name, environment).exited;
  expect(code).toBe(1);
  expect(output).not.toMatch(/\n\s+at /);
  return output;
}

describe.each(['all', 'fleet'] as const)('%s', (name) => {
  test.each([
    [{ SIGNET_DATA_DIR: '/dev/null/data' }, 'signet: cannot use the data directory /dev/null/data (ENOTDIR'],
    [{ SIGNET_DATA_DIR: '/proc/signet' }, 'signet: cannot use the data directory /proc/signet (E'],
    [{ SIGNET_HOST: '203.0.113.1' }, 'SIGNET_HOST is not an address of this machine. Set it to one'],
    [{ SIGNET_HOST: 'host.invalid' }, 'SIGNET_HOST is not an address of this machine. Set it to one'],
    [{ DATABASE_DIRECT_URL: 'postgres://a@b/c' }, 'signet: DATABASE_DIRECT_URL is set without DATABASE_URL'],
    [{ SIGNET_ISSUER: 'https://example.com/id' }, 'SIGNET_ISSUER: must be an origin in lower case'],
    [{ SIGNET_TLS_CERT: '/nowhere/cert.pem' }, 'signet: SIGNET_TLS_CERT is set without SIGNET_TLS_KEY. Set both'],
    [
      { SIGNET_TLS_CERT: '/nowhere/cert.pem', SIGNET_TLS_KEY: '/nowhere/key.pem' },
      'signet: /nowhere/cert.pem of SIGNET_TLS_CERT cannot be read: ENOENT.',
    ],
    [{ SIGNET_TLS_KEY: '-----BEGIN PRIVATE KEY-----' }, 'SIGNET_TLS_KEY: must be the path of a file, not its content'],
    [{ NODE_ENV: '"production"' }, 'NODE_ENV: must not have quotation marks around it'],
    [
      { DATABASE_URL: 'postgres://signet:pa%ss@127.0.0.1/signet' },
      'DATABASE_URL: the user name and the password must be',
    ],
    [
      { CART_DATABASE_URL: 'postgres://cart:wrong@127.0.0.1:1/cart' },
      'the database of CART_DATABASE_URL does not respond',
    ],
  ] as [Record<string, string>, string][])('refuses %j in a sentence', async (environment, sentence) => {
    expect(await failedStart(name, environment)).toContain(sentence);
  });
});

/** Starts the edge in a folder with .env; it needs no database. Returns its output once it listens or ends. */
async function edge(lines: string, environment: Record<string, string>): Promise<string> {
  const cwd = mkdtempSync(path.join(tmpdir(), 'signet-cwd-'));
  writeFileSync(path.join(cwd, '.env'), lines);
  const main = fileURLToPath(new URL('../../services/edge/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    cwd,
    env: { ...childEnvironment, SIGNET_SERVICE_KEY: generateServiceKey().key.reveal(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(cwd, { recursive: true });
  });
  let output = '';
  const listening = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('edge listens')) resolve();
      });
    }
  });
  await Promise.race([listening, exited]);
  return output;
}

describe('an edge in a folder with .env', () => {
  const link = 'tcp://10.96.14.7:8080';

  test('ignores the service link of each port key, and says so', async () => {
    const links = Object.fromEntries(portKeys.map((key) => [key, link]));
    const output = await edge('SIGNET_EDGE_PORT=0', links);
    expect(output).toContain(`signet: ignored ${portKeys.join(', ')}: set by Kubernetes`);
    expect(output).toContain('edge listens');
  });

  test('refuses a value that a comment would cut, without printing it', async () => {
    const output = await edge('SIGNET_ADMIN_PASSWORD=correcthorse#battery9', {});
    expect(output).toContain('.env:\n  line 1, SIGNET_ADMIN_PASSWORD: a # in a value begins a comment');
    expect(output).not.toMatch(/correcthorse|battery9|\n\s+at /);
  });
});

describeWith([openssl], 'an edge with a certificate', () => {
  test('refuses an issuer without TLS', async () => {
    const authority = createAuthority();
    onTestFinished(() => authority.remove());
    const { cert, key } = authority.issue('DNS:localhost');
    const output = await edge('', { SIGNET_TLS_CERT: cert, SIGNET_TLS_KEY: key, SIGNET_EDGE_PORT: '0' });
    expect(output).toContain(
      'signet: SIGNET_ISSUER is http://localhost:8080, but with SIGNET_TLS_CERT the edge speaks',
    );
    expect(output).not.toMatch(/\n\s+at |listens/);
  });
});
