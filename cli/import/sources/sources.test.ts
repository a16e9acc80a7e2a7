import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { formats } from '#kit/password-hash/password-hash.ts';
import { sources } from './sources.ts';

test('every source has a test with an export', async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.test.ts'));
  const texts = await Promise.all(files.map((name) => readFile(path.join(import.meta.dirname, name), 'utf8')));
  const missing = Object.keys(sources).filter((name) => !texts.some((text) => text.includes(`entriesOf('${name}', [`)));
  expect(missing).toEqual([]);
});

test('docs/importing.md describes every source and every hash format', async () => {
  const text = await readFile(path.resolve(import.meta.dirname, '../../../docs/importing.md'), 'utf8');
  const expected = [
    ...Object.keys(sources).map((name) => `\`${name}\``),
    ...formats.map(({ name }) => `\n| ${name} |`),
  ];
  expect(expected.filter((part) => !text.includes(part))).toEqual([]);
});
