import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from './check.ts';
import { composeFaults } from './compose.ts';

const text = await readFile(path.join(root, 'docker-compose.yml'), 'utf8');

test('finds nothing in the file that is there', () => expect(composeFaults(text)).toEqual([]));

test.each([
  [
    'SIGNET_KEY_ROTATION: $',
    'SIGNET_KEY_ROTATON: $',
    ['auth: does not read SIGNET_KEY_ROTATON', 'auth: is not given SIGNET_KEY_ROTATION'],
  ],
  ['${SIGNET_CSRF:-}', '${SIGNET_CRSF:-}', ['edge: gives SIGNET_CSRF the value of SIGNET_CRSF']],
  [
    'SIGNET_USER_TARGET: dns:///user:8082',
    'DATABASE_URL: x',
    ['edge: does not read DATABASE_URL', 'edge: is not given SIGNET_USER_TARGET'],
  ],
  ['services/user/main.ts', 'services/user/mian.ts', ['user: services/user/mian.ts does not exist']],
  ["health.mjs, '8082'", "health.mjs, '8083'", ['user: is asked for its health on 8083']],
  [
    '${SIGNET_MASTER_KEY:?run npm run --silent compose:env >> .env}',
    '${SIGNET_MASTER_KEY:-}',
    ['auth: may leave SIGNET_MASTER_KEY unset'],
  ],
  ['\n  user:\n', '\n  users:\n', ['user: is missing']],
  [
    'SIGNET_JWKS_URL: http',
    'SIGNET_JWKS_UR: http',
    ['user: is not given SIGNET_JWKS_URL', 'edge: is not given SIGNET_JWKS_URL'],
  ],
  [
    '    pull_policy: never\n    command: [services/user',
    "    ports: ['8082:8082']\n    command: [services/user",
    ['user: publishes a port'],
  ],
])('%# finds a fault that is put in', (good, bad, found) => {
  expect(text).toContain(good);
  const faults = composeFaults(text.replaceAll(good, bad)).join('\n');
  for (const one of found) expect(faults).toContain(one);
});
