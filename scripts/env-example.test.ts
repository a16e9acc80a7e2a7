import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { readAll } from '../services/all/open.ts';
import { envExample, envExampleFile } from './env-example.ts';

test('.env.example has every key, its default and its explanation, as the code has them', async () => {
  // If not: npm run generate
  expect(await readFile(envExampleFile, 'utf8')).toBe(await envExample());
});

test('it sets nothing as it is, and what the defaults set when it is taken at its word', async () => {
  const text = await readFile(envExampleFile, 'utf8');
  expect(parseEnv(text)).toEqual({});
  const needed = { DATABASE_URL: 'postgres://localhost/x', SIGNET_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
  const spoken = parseEnv(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
  // An empty value counts as none, so it must not take the place of what has no default.
  const said = Object.fromEntries(Object.entries(spoken).filter(([, value]) => value !== ''));
  expect(readAll({ ...needed, ...said })).toEqual(readAll(needed));
});
