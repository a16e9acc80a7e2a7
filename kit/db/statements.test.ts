import { expect, test } from 'vitest';
import { createStatementNames } from './statements.ts';

test('gives a text the same name every time, and another text another', () => {
  const name = createStatementNames(10);
  expect(name({ sql: 'SELECT 1' })).toBe(name({ sql: 'SELECT 1' }));
  expect(name({ sql: 'SELECT 1' })).not.toBe(name({ sql: 'SELECT 2' }));
  // PostgreSQL cuts names at 63 bytes.
  expect(name({ sql: 'SELECT 1'.repeat(1000) }).length).toBeLessThan(64);
});

test('names as many as its limit, and none beyond', () => {
  const name = createStatementNames(2);
  expect(name({ sql: 'SELECT 1' })).not.toBe('');
  expect(name({ sql: 'SELECT 2' })).not.toBe('');
  expect(name({ sql: 'SELECT 3' })).toBe('');
  expect(name({ sql: 'SELECT 2' })).not.toBe('');
});
