import { expect, test } from 'vitest';
import { createSweep } from './sweep.ts';

test('ends after the batch under way when the service closes, and goes on from there', async () => {
  const closing = new AbortController();
  const asked: (string | undefined)[] = [];
  const sweep = createSweep({
    store: {
      async page(after, most) {
        asked.push(after);
        return Array.from({ length: most }, (_, index) => `${asked.length}-${index}`);
      },
      erase: async () => undefined,
    },
    accounts: {
      async deletedAmong() {
        closing.abort();
        return [];
      },
    },
  });
  await sweep(closing.signal);
  expect(asked).toEqual([undefined]);
  await sweep(closing.signal);
  expect(asked).toEqual([undefined]);
});
