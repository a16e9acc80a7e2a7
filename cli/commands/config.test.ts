import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serviceKeys } from '../../services/keys.ts';
import { run } from '../testing/run.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'signet-config-'));
  await writeFile(path.join(cwd, '.env'), 'SIGNET_ACCESS_TTL=5m\nSIGNET_RATE_LIMIT=10\n');
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const masterKey = Buffer.alloc(32, 7).toString('base64');
const environment = {
  SIGNET_RATE_LIMIT: '20',
  SIGNET_CSRF: '',
  SIGNET_MASTER_KEY: masterKey,
  DATABASE_URL: 'postgres://signet:hunter2@db/signet',
};

test('prints every key of every service with its source', async () => {
  const { exit, json } = await run(['config', 'print', '--json'], { environment, cwd });
  expect(exit).toBe(0);
  const { keys } = json() as { keys: { name: string }[] };
  const all = serviceKeys.flatMap(([, own]) => Object.values(own).map(({ env }) => env));
  expect(keys.map(({ name }) => name).toSorted()).toEqual([...new Set(all)].toSorted());
  const of = (name: string) => keys.find((key) => key.name === name);
  expect(of('SIGNET_ACCESS_TTL')).toMatchObject({ value: '5m', source: '.env', read_by: ['auth'] });
  expect(of('SIGNET_RATE_LIMIT')).toMatchObject({ value: '20', source: 'environment' });
  expect(of('SIGNET_CSRF')).toMatchObject({ value: 'cookie', source: 'default' });
  expect(of('SIGNET_ADMIN_PASSWORD')).toMatchObject({ value: '', source: 'unset' });
  expect(of('SIGNET_MASTER_KEY')).toMatchObject({ value: '[redacted]', source: 'environment' });
  expect(of('DATABASE_URL')).toMatchObject({ value: '[redacted]', source: 'environment' });
});

test('prints no secret and no invalid value, which may be a misplaced secret', async () => {
  const secrets = { SIGNET_ADMIN_PASSWORD: 'short', SIGNET_MASTER_KEY: 'not-thirty-two-bytes', SIGNET_ALG: masterKey };
  for (const given of [environment, { ...environment, ...secrets }]) {
    for (const args of [[], ['--json']]) {
      const { stdout, stderr } = await run(['config', 'print', ...args], { environment: given, cwd });
      for (const secret of ['hunter2', masterKey, 'short', 'not-thirty-two-bytes']) {
        expect([stdout.includes(secret), stderr.includes(secret)]).toEqual([false, false]);
      }
    }
  }
});

test('names invalid keys and exits with 1', async () => {
  const { exit, stdout, stderr } = await run(['config', 'print'], { environment: { SIGNET_ALG: 'none' }, cwd });
  expect(exit).toBe(1);
  expect(stdout).toMatch(/^SIGNET_ALG +\[invalid\] +environment/m);
  expect(stderr).toContain('SIGNET_ALG: must be one of RS256');
});

test('redacts the password in any URL', async () => {
  const { stdout } = await run(['config', 'print'], {
    environment: { SIGNET_JWKS_URL: 'https://me:hunter2@auth.example.com/jwks.json' },
    cwd,
  });
  expect(stdout).toContain('https://[redacted]@auth.example.com/jwks.json');
});
