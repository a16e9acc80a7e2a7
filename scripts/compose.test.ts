import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { childEnvironment } from '#kit/testing/child.ts';
import { servicesWithData } from '../services/registry.ts';
import { root } from './check/check.ts';
import { composeEnvironment } from './compose.ts';

let made = 0;
const make = {
  password: () => `password${++made}`,
  masterKey: () => `master${++made}`,
  serviceKey: () => ({ key: new Secret(`private${++made}`), publicKey: `public${made}` }),
};

test('prints what .env lacks, and nothing of what it has', () => {
  const first = Object.fromEntries(composeEnvironment({}, make));
  expect(Object.keys(first)).toEqual(
    expect.arrayContaining([
      'POSTGRES_PASSWORD',
      'AUTH_DATABASE_PASSWORD',
      'SIGNET_MASTER_KEY',
      'SIGNET_SERVICE_KEY_EDGE',
    ]),
  );
  expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length);
  expect(composeEnvironment(first, make)).toEqual([]);
});

test('the first admin of a new database gets a password, and .env need not keep it', () => {
  const { SIGNET_ADMIN_PASSWORD: password, ...rest } = Object.fromEntries(composeEnvironment({}, make));
  expect(password).toMatch(/^password\d+$/);
  expect(composeEnvironment(rest, make)).toEqual([]);
  const own = Object.fromEntries(composeEnvironment({ SIGNET_ADMIN_PASSWORD: 'my own' }, make));
  expect(own).not.toHaveProperty('SIGNET_ADMIN_PASSWORD');
});

test('a service that comes later gets a key, and its entry behind those that are there', () => {
  const { SIGNET_SERVICE_KEY_USER: _, ...before } = Object.fromEntries(composeEnvironment({}, make));
  const given = { ...before, SIGNET_SERVICES: 'edge=abc,reports=def:support' };
  const added = Object.fromEntries(composeEnvironment(given, make));
  expect(Object.keys(added)).toEqual(['SIGNET_SERVICE_KEY_USER', 'SIGNET_SERVICES']);
  expect(added['SIGNET_SERVICES']).toMatch(/^edge=abc,reports=def:support,user=public\d+$/);
});

test('the one-shot of the composition gives each service a role with its password, and does so again', async () => {
  const server = await startEmbedded({ dataDir: '', log: silentLog, ephemeral: true });
  const names = servicesWithData.map(({ name }) => name);
  const passwords = Object.fromEntries(names.map((name) => [`${name.toUpperCase()}_DATABASE_PASSWORD`, `of ${name}`]));
  const env = { ...childEnvironment, ...passwords, DATABASE_URL: server.url().reveal() };
  const run = () => promisify(execFile)(process.execPath, ['deploy/database-roles.ts'], { cwd: root, env });
  for (let times = 0; times < 2; times++) {
    expect((await run()).stdout).toBe(names.map((name) => `signet_${name} is ready\n`).join(''));
  }
  const url = new URL(server.url().reveal());
  [url.username, url.password] = ['signet_user', 'of user'];
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query('CREATE TABLE "user".mine (id int)');
  await expect(client.query('CREATE TABLE auth.mine (id int)')).rejects.toThrow('permission denied');
  await client.end();
  await server.stop();
});
