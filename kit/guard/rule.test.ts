import { expect, test } from 'vitest';
import { type AccessRule, assertRule, faultsOf } from './rule.ts';

test.each<AccessRule>([
  'public',
  {},
  { roles: ['admin', 'support'], scopes: ['orders:read'], callers: ['order'], acr: 'urn:acr/mfa', maxAuthAge: 0.5 },
  { maxStaleness: 5 },
  { internal: true },
  { internal: true, callers: ['order', 'cart'] },
])('finds nothing wrong with %j', (rule) => {
  expect(faultsOf(rule)).toEqual([]);
});

test.each<[AccessRule, string]>([
  [{ roles: [''] }, 'roles has a name that is not a word'],
  [{ roles: ['a', 'a'] }, 'roles has a name twice'],
  [{ scopes: ['orders read'] }, 'scopes has a name that is not a word'],
  [{ scopes: ['"'] }, 'scopes has a name that is not a word'],
  [{ callers: ['order', 'order'] }, 'callers has a name twice'],
  [{ internal: true, callers: [''] }, 'callers has a name that is not a word'],
  [{ acr: 'a"b' }, 'acr is not a word'],
  [{ maxAuthAge: 0 }, 'maxAuthAge is not above 0'],
  [{ maxAuthAge: -1 }, 'maxAuthAge is not above 0'],
  [{ maxStaleness: Number.NaN }, 'maxStaleness is not above 0'],
])('finds what is wrong with %j', (rule, fault) => {
  expect(faultsOf(rule)).toEqual([fault]);
  expect(() => assertRule(rule)).toThrow(fault);
});

test('finds a role that does not exist', () => {
  expect(faultsOf({ roles: ['admin', 'root'] }, new Set(['admin']))).toEqual(['unknown role root']);
});
