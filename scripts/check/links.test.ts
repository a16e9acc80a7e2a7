import { expect, test } from 'vitest';
import { deadLinks } from './links.ts';

const documents = new Map([
  [
    'docs/a.md',
    '# One `two`: three\n\n## Same\n\n## Same\n\n[b](b.md), [c](b.md#no), [d](../x.ts), [e](gone.md), [f](#same-1), [g](#one-two-three)\n',
  ],
  ['docs/b.md', '# B\n\n```sh\n# no\n```\n\n[web](https://example.com/x#y), [a](a.md#same)\n'],
]);
const exists = (name: string) => documents.has(name) || name === 'x.ts';

test('finds missing files and headings; a comment in code is no heading', () => {
  expect(deadLinks('docs/a.md', documents, exists)).toEqual([
    'docs/a.md: b.md#no: no such heading',
    'docs/a.md: gone.md: no such file',
  ]);
  expect(deadLinks('docs/b.md', documents, exists)).toEqual([]);
});
