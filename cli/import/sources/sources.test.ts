import * as fc from 'fast-check';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { formats } from '#kit/password-hash/password-hash.ts';
import type { Source } from '../source.ts';
import { entriesOf, ofFirebase } from '../testing/entries.ts';
import { type SourceName, sources } from './sources.ts';

const hashConfig = `algorithm: SCRYPT\nbase64_signer_key: ${ofFirebase.signerKey}\nrounds: 8\nmem_cost: 14\n`;

/** The files of this folder. */
async function files(pattern: RegExp): Promise<string[]> {
  const names = await readdir(import.meta.dirname);
  return names.filter((name) => pattern.test(name)).map((name) => path.join(import.meta.dirname, name));
}

test('every source has a test with an export', async () => {
  const texts = await Promise.all((await files(/\.test\.ts$/)).map((file) => readFile(file, 'utf8')));
  const missing = Object.keys(sources).filter((name) => !texts.some((text) => text.includes(`entriesOf('${name}', [`)));
  expect(missing).toEqual([]);
});

// A CSV holds only texts.
const ofJson = (Object.keys(sources) as SourceName[]).filter((name) => name !== 'csv');

test.each(ofJson)('%s: no record, whatever it holds, ends the import', async (name) => {
  const { layout }: Source = sources[name];
  // The fields that the sources read. An element of Keycloak with users is a realm, which is an error of the file.
  const texts = await Promise.all((await files(/(?<!\.test)\.ts$/)).map((file) => readFile(file, 'utf8')));
  const read = [...texts.join('').matchAll(/\['(\w+)'\]/g)].map(([, field = '']) => field);
  const key = fc.constantFrom(...read.filter((field) => field !== 'users'));
  const values = [fc.string(), fc.constant('a@x.example'), fc.boolean(), fc.double(), fc.constant(null)];
  const record = fc.oneof(fc.object({ key, values, maxDepth: 4, maxKeys: 12 }), fc.jsonValue());
  const holds = fc.asyncProperty(fc.array(record), async (records) => {
    const file = layout.array ? records : { [layout.key ?? '']: records };
    const entries = await entriesOf(name, [file], name === 'firebase' ? { hashConfig } : {});
    return entries.length <= records.length;
  });
  expect((await fc.check(holds, { numRuns: 100 })).counterexample).toBeNull();
});

test('docs/importing.md describes every source and every hash format', async () => {
  const text = await readFile(path.resolve(import.meta.dirname, '../../../docs/importing.md'), 'utf8');
  const expected = [
    ...Object.keys(sources).map((name) => `\`${name}\``),
    ...formats.map(({ name }) => `\n| ${name} |`),
  ];
  expect(expected.filter((part) => !text.includes(part))).toEqual([]);
});
