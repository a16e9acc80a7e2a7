import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Secret } from '#kit/log/secret.ts';
import { key, readConfig } from './config.ts';
import { headers, secret, serviceKey, text, url } from './types.ts';
import { isGiven, isSecret, variablesOf } from './secret-file.ts';

const keys = {
  password: key('PASSWORD', secret, { doc: '' }),
  label: key('LABEL', text, { optional: true, doc: '' }),
} as const;

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'signet-secret-'))));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

let files = 0;
function fileOf(content: string, mode = 0o400): string {
  const file = path.join(folder, `secret-${++files}`);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

function read(environment: Record<string, string>): string {
  return readConfig(keys, environment).password.reveal();
}

test.each([
  ['hunter2', 'hunter2'],
  ['hunter2\n', 'hunter2'],
  ['hunter2\r\n', 'hunter2'],
  ['it is # "quoted"', 'it is # "quoted"'],
])('reads %j from a file, without one trailing line break', (content, expected) => {
  expect(read({ PASSWORD_FILE: fileOf(content) })).toBe(expected);
});

test('an empty twin counts as unset', () => {
  expect(read({ PASSWORD: 'hunter2', PASSWORD_FILE: '' })).toBe('hunter2');
  expect(() => read({ PASSWORD_FILE: '' })).toThrow('PASSWORD: must be set');
});

test('reads a file of 64 KiB and refuses a larger one', () => {
  expect(read({ PASSWORD_FILE: fileOf('x'.repeat(65_536)) })).toHaveLength(65_536);
  expect(() => read({ PASSWORD_FILE: fileOf('x'.repeat(65_537)) })).toThrow(/of PASSWORD_FILE is larger than 64 KiB/);
});

test('names the keys and the file of a secret that cannot be read, never its content', () => {
  const file = fileOf('hunter2');
  expect(() => read({ PASSWORD: 'x', PASSWORD_FILE: file })).toThrow(
    'PASSWORD: must not be set together with PASSWORD_FILE',
  );
  expect(() => read({ PASSWORD_FILE: `${folder}/absent` })).toThrow(
    `PASSWORD: ${folder}/absent of PASSWORD_FILE cannot be read: ENOENT`,
  );
  expect(() => read({ PASSWORD_FILE: folder })).toThrow(`PASSWORD: ${folder} of PASSWORD_FILE is not a file`);
  for (const content of ['', '\n']) {
    expect(() => read({ PASSWORD_FILE: fileOf(content) })).toThrow(/^configuration:\n {2}PASSWORD: .* is empty$/);
  }
  const shape = { key: key('KEY', serviceKey, { doc: '' }) };
  expect(() => readConfig(shape, { KEY_FILE: file })).toThrow(/KEY: must be 32 bytes/);
  expect(() => readConfig(shape, { KEY_FILE: file })).not.toThrow(/hunter2/);
});

test('warns once in production of a file that all users can read', () => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const [open, closed] = [fileOf('x', 0o444), fileOf('x', 0o440)];
  read({ PASSWORD_FILE: open });
  read({ PASSWORD_FILE: closed, NODE_ENV: 'production' });
  expect(written).not.toHaveBeenCalled();
  for (let times = 0; times < 2; times++) read({ PASSWORD_FILE: open, NODE_ENV: 'production' });
  expect(written.mock.calls).toEqual([
    [`signet: PASSWORD_FILE: all users of this machine can read ${open}; set its mode to 0400\n`],
  ]);
});

test('only secrets have a twin, whatever they are made of', () => {
  const schemas = { secret, serviceKey, headers, piped: url('redis').pipe(secret), text, url: url('http') };
  const found = Object.entries(schemas).filter(([, schema]) =>
    isSecret({ schema: schema as z.ZodType<unknown, string> }),
  );
  expect(found.map(([name]) => name)).toEqual(['secret', 'serviceKey', 'headers', 'piped']);
  expect(variablesOf(keys.password)).toEqual(['PASSWORD', 'PASSWORD_FILE']);
  expect(readConfig(keys, { PASSWORD: 'x', LABEL_FILE: fileOf('label') }).label).toBeUndefined();
  expect([isGiven('A', { A: '' }), isGiven('A', { A_FILE: 'f' }), isGiven('A', { A: 'a' })]).toEqual([
    false,
    true,
    true,
  ]);
});

test('refuses a schema that makes a Secret without being marked, because it would have no twin', () => {
  const unmarked = {
    password: key(
      'PASSWORD',
      z.string().transform((value) => new Secret(value)),
      { doc: '' },
    ),
  };
  expect(() => readConfig(unmarked, { PASSWORD: 'hunter2' })).toThrow('must be marked with asSecret');
});
