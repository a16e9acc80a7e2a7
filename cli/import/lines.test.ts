import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from './lines.ts';

async function read(chunks: readonly string[], longest = 100): Promise<(string | undefined)[]> {
  const lines = await Array.fromAsync(linesOf(stream(chunks), longest));
  expect(lines.map(({ number }) => number)).toEqual(lines.map((_, index) => index + 1));
  return lines.map(({ bytes }) => bytes?.toString());
}

async function* stream(chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test('splits lines at any chunk boundaries', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom('a', '{}', '\n', 'é')).map((parts) => parts.join(''))),
      async (chunks) => {
        const lines = chunks.join('').split('\n');
        if (lines.at(-1) === '') lines.pop();
        expect(await read(chunks)).toEqual(lines);
      },
    ),
  );
});

test('counts and discards a line that is too long, then reads the next', async () => {
  expect(await read(['x'.repeat(60), 'x'.repeat(60), '\nabc\n', 'y'.repeat(100), '\n'])).toEqual([
    undefined,
    'abc',
    'y'.repeat(100),
  ]);
});
