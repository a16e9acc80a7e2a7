import { expect, test } from 'vitest';
import { createStatementNames } from './statement-names.ts';

test('a text always has the same name, and another text another', () => {
  const name = createStatementNames(10);
  expect(name({ sql: 'SELECT 1' })).toBe(name({ sql: 'SELECT 1' }));
  expect(name({ sql: 'SELECT 1' })).not.toBe(name({ sql: 'SELECT 2' }));
  // PostgreSQL truncates names at 63 bytes.
  expect(name({ sql: 'SELECT 1'.repeat(1000) }).length).toBeLessThan(64);
});

test('names statements up to the limit', () => {
  const name = createStatementNames(2);
  expect(name({ sql: 'SELECT 1' })).not.toBe('');
  expect(name({ sql: 'SELECT 2' })).not.toBe('');
  expect(name({ sql: 'SELECT 3' })).toBe('');
  expect(name({ sql: 'SELECT 2' })).not.toBe('');
});
