import { expect, test } from 'vitest';
import { defineStates } from './states.ts';

const states = defineStates({ draft: ['sent', 'gone'], sent: ['gone'], gone: [] }, ['draft']);

test('returns the allowed transitions', () => {
  expect(states.all).toEqual(['draft', 'sent', 'gone']);
  expect(states.allows('draft', 'sent')).toBe(true);
  expect(states.allows('sent', 'draft')).toBe(false);
  expect(states.before('gone')).toEqual(['draft', 'sent']);
  expect(states.before('draft')).toEqual([]);
});

test('refuses a table with an unknown state', () => {
  // @ts-expect-error the type checker refuses it, too
  expect(() => defineStates({ draft: ['lost'] }, ['draft'])).toThrow('"lost" is not in the table');
  // @ts-expect-error the type checker refuses it, too
  expect(() => defineStates({ draft: [] }, ['lost'])).toThrow('"lost" is not in the table');
});

test('refuses a table with an unreachable state, also in a cycle', () => {
  expect(() => defineStates({ draft: [], sent: [] }, ['draft'])).toThrow('"sent" cannot be reached');
  expect(() => defineStates({ draft: [], sent: ['gone'], gone: ['sent'] }, ['draft'])).toThrow('cannot be reached');
});

test('accepts a state that is reachable through others', () => {
  expect(defineStates({ gone: [], sent: ['gone'], draft: ['sent'] }, ['draft']).all).toHaveLength(3);
});
