import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const allowed = [
  'jose',
  'zod',
  '@connectrpc/connect',
  '@connectrpc/connect-fastify',
  '@connectrpc/connect-node',
  '@bufbuild/protobuf',
  '@grpc/grpc-js',
  'fastify',
];

test('imports only generated code and its own files', async () => {
  const folder = import.meta.dirname;
  const files = (await readdir(folder, { recursive: true })).filter((name) => /(?<!\.test)\.ts$/.test(name));
  expect(files).toContain('guard.ts');
  const foreign: string[] = [];
  for (const file of files) {
    const source = await readFile(join(folder, file), 'utf8');
    for (const [, from = ''] of source.matchAll(/\b(?:from |import |import\()'([^']+)'/g)) {
      const target = join(folder, file, '..', from);
      const own = from.startsWith('.') && (target.startsWith(folder) || /\/gen\/proto\//.test(target));
      const known = from.startsWith('node:') || allowed.some((name) => from === name || from.startsWith(`${name}/`));
      if (!own && !known) foreign.push(`${file}: ${from}`);
    }
  }
  expect(foreign).toEqual([]);
});
