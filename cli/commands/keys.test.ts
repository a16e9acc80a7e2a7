import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeWith } from '#kit/testing/describe-with.ts';
import { findProgram } from '#kit/testing/programs.ts';
import { openSystem, type System } from '../../test/system.ts';
import { createCli } from '../cli.ts';
import { createOutput } from '../output.ts';
import { runCommand } from '../run.ts';
import { as, run } from '../testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

const asAdmin = (...args: string[]) => run(args, { environment: as(system) });

test('creates the next key, lists both, and revokes one', async () => {
  const made = await asAdmin('keys', 'rotate', '--json');
  expect([made.exit, made.json()]).toMatchObject([0, { state: 'pending', alg: 'RS256' }]);
  const { kid } = made.json();

  const listed = await asAdmin('keys', 'list');
  expect(listed.stdout).toMatch(/^KID +ALG +STATE +CREATED +SIGNS FROM +RETIRED\n/);
  expect(listed.stdout).toMatch(new RegExp(`^${kid} +RS256 +pending `, 'm'));
  expect(listed.stdout).toMatch(/ RS256 +active /);

  const revoked = await asAdmin('keys', 'revoke', kid, '--yes');
  expect([revoked.exit, revoked.stdout]).toEqual([0, expect.stringMatching(/^state +revoked$/m)]);
  const unknown = await asAdmin('keys', 'revoke', 'no-such-key', '--yes', '--json');
  expect([unknown.exit, unknown.stdout, unknown.stderr]).toEqual([1, '', expect.stringContaining('(NOT_FOUND)')]);
});

describe('keys import', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'signet-pem-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function fileOf(pem: string): Promise<string> {
    const file = path.join(folder, 'key.pem');
    await writeFile(file, pem);
    return file;
  }
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const locked = (passphrase: string) =>
    String(privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }));

  /** Revokes the pending key, so that another can be imported. */
  async function clear(): Promise<void> {
    const { keys } = (await asAdmin('keys', 'list', '--json')).json();
    for (const { kid, state } of keys) {
      if (state === 'pending') expect((await asAdmin('keys', 'revoke', '--yes', '--', kid)).stderr).toBe('');
    }
  }
  beforeEach(clear);

  test('makes the key pending; the same key again is ALREADY_EXISTS', async () => {
    const file = await fileOf(String(privateKey.export({ type: 'pkcs1', format: 'pem' })));
    const imported = await asAdmin('keys', 'import', file, '--json');
    expect([imported.exit, imported.json()]).toMatchObject([0, { state: 'pending', alg: 'RS256' }]);
    expect((await asAdmin('keys', 'list')).stdout).toMatch(new RegExp(`^${imported.json().kid} +RS256 +pending `, 'm'));
    const again = await asAdmin('keys', 'import', file);
    expect([again.exit, again.stderr]).toEqual([1, expect.stringContaining('(ALREADY_EXISTS)')]);
  });

  test('decrypts a key with the passphrase of the prompt, here and not at the server', async () => {
    const file = await fileOf(locked('open sesame'));
    const written: string[] = [];
    const stream = { isTTY: false, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
    const other = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    const importWith = (passphrase: string) => {
      const terminal = { isInteractive: true, ask: async () => '', askHidden: async () => passphrase };
      const environment = as(system);
      return runCommand(createCli({ environment, output: createOutput(stream, stream), terminal }), [
        'keys',
        'import',
        file,
      ]);
    };
    expect(await importWith('open barley')).toBe(2);
    expect(written.join('')).toContain('The passphrase is wrong');
    await writeFile(
      file,
      String(other.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })),
    );
    expect(await importWith('open sesame'), written.join('')).toBe(0);
    expect(written.join('')).toMatch(/^state +pending$/m);
    expect(written.join('')).not.toContain('open sesame');
  });

  test.each([
    ['an encrypted key without a terminal', locked('open sesame'), 'The private key is encrypted.'],
    ['a public key', String(publicKey.export({ type: 'spki', format: 'pem' })), 'a public key, but no private key'],
    ['other text', 'hunter2', 'no private key in PEM format'],
  ])('refuses %s before it signs in', async (_, pem, sentence) => {
    const { exit, stderr } = await run(['keys', 'import', await fileOf(pem)], { environment: {} });
    expect([exit, stderr]).toEqual([2, expect.stringContaining(sentence)]);
    expect(stderr).not.toContain('hunter2');
  });

  test('prints the reason of the server for a weak key', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey;
    const { exit, stderr } = await asAdmin(
      'keys',
      'import',
      await fileOf(String(weak.export({ type: 'pkcs8', format: 'pem' }))),
    );
    expect([exit, stderr]).toEqual([1, expect.stringContaining('pem: The RSA key has 1024 bits')]);
  });

  test('names a file that cannot be read', async () => {
    const { exit, stderr } = await asAdmin('keys', 'import', path.join(folder, 'absent'));
    expect([exit, stderr]).toEqual([2, expect.stringContaining('absent cannot be read: ENOENT')]);
  });

  test('does not send a private key to another machine over plain HTTP', async () => {
    const file = await fileOf(String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
    const { exit, stderr } = await run(['keys', 'import', file, '--url', 'http://id.example.com'], {
      environment: as(system),
    });
    expect([exit, stderr]).toEqual([2, expect.stringContaining('is not sent to http://id.example.com')]);
  });

  const openssl = findProgram('openssl');
  describeWith([openssl], 'with openssl', () => {
    test('imports a key that it made', async () => {
      const file = path.join(folder, 'openssl.pem');
      const size = ['-pkeyopt', 'rsa_keygen_bits:3072'];
      execFileSync(openssl.path!, ['genpkey', '-algorithm', 'RSA', ...size, '-out', file], { stdio: 'ignore' });
      const imported = await asAdmin('keys', 'import', file, '--json');
      expect([imported.exit, imported.json()]).toMatchObject([0, { state: 'pending' }]);
    });
  });
});
