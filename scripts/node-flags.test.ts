import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nodeFlags } from './node-flags.mjs';

const root = path.join(import.meta.dirname, '..');

test('the image runs Node with the flags of npm start', async () => {
  const text = await readFile(path.join(root, 'deploy/Dockerfile'), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)![1]!) as string[];
  const flags = nodeFlags.map((flag) => flag.replace(`${root}${path.sep}`, './').replaceAll(path.sep, '/'));
  expect(entrypoint).toEqual(['node', ...flags]);
});
