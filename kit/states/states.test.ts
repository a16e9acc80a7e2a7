import { expect, test } from 'vitest';
import { defineStates } from './states.ts';

const states = defineStates({ draft: ['sent', 'gone'], sent: ['gone'], gone: [] }, ['draft']);

test('knows which state may follow which', () => {
  expect(states.all).toEqual(['draft', 'sent', 'gone']);
  expect(states.allows('draft', 'sent')).toBe(true);
  expect(states.allows('sent', 'draft')).toBe(false);
  expect(states.before('gone')).toEqual(['draft', 'sent']);
  expect(states.before('draft')).toEqual([]);
});

test('refuses a table that names a state which it has not', () => {
  // @ts-expect-error the type checker refuses it, too
  expect(() => defineStates({ draft: ['lost'] }, ['draft'])).toThrow('"lost" is not in the table');
  // @ts-expect-error the type checker refuses it, too
  expect(() => defineStates({ draft: [] }, ['lost'])).toThrow('"lost" is not in the table');
});

test('refuses a table with a state that cannot be reached, also one that only another such leads to', () => {
  expect(() => defineStates({ draft: [], sent: [] }, ['draft'])).toThrow('"sent" cannot be reached');
  expect(() => defineStates({ draft: [], sent: ['gone'], gone: ['sent'] }, ['draft'])).toThrow('cannot be reached');
});

test('reaches a state by way of others', () => {
  expect(defineStates({ gone: [], sent: ['gone'], draft: ['sent'] }, ['draft']).all).toHaveLength(3);
});
