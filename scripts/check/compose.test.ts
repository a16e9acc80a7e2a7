import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from './check.ts';
import { composeFaults } from './compose.ts';

const text = await readFile(path.join(root, 'docker-compose.yml'), 'utf8');

test('finds no fault in docker-compose.yml', () => expect(composeFaults(text)).toEqual([]));

test.each([
  [
    'SIGNET_KEY_ROTATION: $',
    'SIGNET_KEY_ROTATON: $',
    ['auth: does not read SIGNET_KEY_ROTATON', 'auth: does not set SIGNET_KEY_ROTATION'],
  ],
  ['${SIGNET_CSRF:-}', '${SIGNET_CRSF:-}', ['edge: sets SIGNET_CSRF from SIGNET_CRSF']],
  [
    'SIGNET_NOTIFICATION_TARGET: dns:///notification:8084',
    'DATABASE_URL: x',
    ['edge: does not read DATABASE_URL', 'edge: does not set SIGNET_NOTIFICATION_TARGET'],
  ],
  ['services/user/main.ts', 'services/user/mian.ts', ['user: services/user/mian.ts does not exist']],
  [
    'command: [services/user/main.ts]',
    'command: [services/user/main.ts]\n    healthcheck: { disable: true }',
    ['user: replaces the health check of the image'],
  ],
  ['      test: [CMD, valkey-cli, ping]\n', '', ['valkey: has no health check']],
  [
    '${SIGNET_MASTER_KEY:?run npm run --silent compose:env >> .env}',
    '${SIGNET_MASTER_KEY:-}',
    ['auth: may leave the required SIGNET_MASTER_KEY unset'],
  ],
  ['\n  user:\n', '\n  users:\n', ['user: is missing']],
  [
    'SIGNET_JWKS_URL: http',
    'SIGNET_JWKS_UR: http',
    ['user: does not set SIGNET_JWKS_URL', 'edge: does not set SIGNET_JWKS_URL'],
  ],
  [
    '    pull_policy: never\n    command: [services/user',
    "    ports: ['8082:8082']\n    command: [services/user",
    ['user: publishes a port'],
  ],
])('%# finds an introduced fault', (good, bad, found) => {
  expect(text).toContain(good);
  const faults = composeFaults(text.replaceAll(good, bad)).join('\n');
  for (const one of found) expect(faults).toContain(one);
});
