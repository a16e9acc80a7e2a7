import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority, openssl } from '#kit/testing/authority.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { root } from './check/check.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'signet-setup-'));
  for (const part of ['scripts', 'prisma', 'package.json', 'package-lock.json']) {
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  }
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Sets up a clone with a registry. Returns the exit code and the output. */
async function setUp(registry: string, environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['scripts/setup.mjs'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      npm_config_registry: registry,
      npm_config_cache: path.join(folder, 'cache'),
      ...environment,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

test('a registry that is unreachable fails at once, and the message says so', async () => {
  const { code, output } = await setUp('http://127.0.0.1:1/');
  expect(code).toBe(1);
  expect(output).toContain('The package registry is unreachable.');
});

describeWith([openssl], 'a registry with a certificate that is not trusted', () => {
  test('fails at once, and the message names NODE_EXTRA_CA_CERTS', async () => {
    const authority = createAuthority();
    const { cert, key } = authority.issue('IP:127.0.0.1');
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { code, output } = await setUp(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    server.close();
    authority.remove();
    expect(code).toBe(1);
    expect(output).toContain("The package registry's certificate is not trusted.");
    expect(output).toContain('set NODE_EXTRA_CA_CERTS');
  });
});
