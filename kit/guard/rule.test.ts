import { expect, test } from 'vitest';
import { type AccessRule, assertRule, faultsOf } from './rule.ts';

test.each<AccessRule>([
  'public',
  {},
  { roles: ['admin', 'support'], scopes: ['orders:read'], callers: ['order'], acr: 'mfa', maxAuthAge: 0.5 },
  { maxStaleness: 5 },
  { internal: true },
  { internal: true, callers: ['order', 'cart'] },
  { services: true, scopes: ['reports:read'] },
  { acr: 'pwd' },
  { acr: 'phr' },
])('finds nothing wrong with %j', (rule) => {
  expect(faultsOf(rule)).toEqual([]);
});

// What a caller without types, or an unset variable, may hand over.
test.each<[object, string]>([
  [{ roles: [''] }, 'roles has a name that is not a word'],
  [{ roles: ['a', 'a'] }, 'roles has a name twice'],
  [{ scopes: ['orders read'] }, 'scopes has a name that is not a word'],
  [{ scopes: ['"'] }, 'scopes has a name that is not a word'],
  [{ callers: ['order', 'order'] }, 'callers has a name twice'],
  [{ internal: true, callers: [''] }, 'callers has a name that is not a word'],
  [{ acr: 'a"b' }, 'acr is none of pwd, mfa, phr'],
  [{ acr: 'MFA' }, 'acr is none of pwd, mfa, phr'],
  [{ acr: '' }, 'acr is none of pwd, mfa, phr'],
  [{ role: ['admin'] }, 'unknown: role'],
  [{ max_auth_age: 1 }, 'unknown: max_auth_age'],
  [{ internal: true, roles: ['admin'] }, 'unknown: roles'],
  [{ internal: 'true' }, 'internal Invalid input: expected false'],
  [{ roles: [] }, 'roles is empty'],
  [{ scopes: [] }, 'scopes is empty'],
  [{ internal: true, callers: [] }, 'callers is empty'],
  [{ roles: 'admin' }, 'roles Invalid input: expected array, received string'],
  [{ roles: [undefined] }, 'roles has a name that is not a word'],
  [{ services: true }, 'services, and no role or scope'],
  [{ maxAuthAge: Infinity }, 'maxAuthAge is not a number of seconds'],
  [{ maxAuthAge: '300' }, 'maxAuthAge is not a number of seconds'],
  [{ maxAuthAge: 0 }, 'maxAuthAge is not above 0'],
  [{ maxAuthAge: -1 }, 'maxAuthAge is not above 0'],
  [{ maxStaleness: Number.NaN }, 'maxStaleness is not a number of seconds'],
])('finds what is wrong with %j', (rule, fault) => {
  expect(faultsOf(rule as AccessRule)).toEqual([fault]);
  expect(() => assertRule(rule as AccessRule)).toThrow(fault);
});

test.each([undefined, null, 'anyone', 7, []])('takes %j for no rule', (rule) => {
  expect(() => assertRule(rule as unknown as AccessRule)).toThrow('Not a valid access rule');
});

test('finds a role that does not exist', () => {
  expect(faultsOf({ roles: ['admin', 'root'] }, new Set(['admin']))).toEqual(['unknown role root']);
});
