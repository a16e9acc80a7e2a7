import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { readFleet } from '../services/fleet/open.ts';
import { envExample, envExampleFile } from './env-example.ts';

test('.env.example is current', async () => {
  // If not: npm run generate
  expect(await readFile(envExampleFile, 'utf8')).toBe(await envExample());
});

test('sets nothing as it is, and exactly the defaults when uncommented', async () => {
  const text = await readFile(envExampleFile, 'utf8');
  expect(parseEnv(text)).toEqual({});
  const needed = { DATABASE_URL: 'postgres://localhost/x', SIGNET_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
  const uncommented = parseEnv(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
  // An empty value counts as unset, so it must not satisfy a key without a default.
  const set = Object.fromEntries(Object.entries(uncommented).filter(([, value]) => value !== ''));
  // The defaults of services in their own processes; `npm start` has smaller pools.
  expect(readFleet({ ...needed, ...set })).toEqual(readFleet(needed));
});
