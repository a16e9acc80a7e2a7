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
])('accepts %j', (rule) => {
  expect(faultsOf(rule)).toEqual([]);
});

// Values that untyped code or an unset variable may pass.
test.each<[object, string]>([
  [{ roles: [''] }, 'roles has an invalid name'],
  [{ roles: ['a', 'a'] }, 'roles has a duplicate name'],
  [{ scopes: ['orders read'] }, 'scopes has an invalid name'],
  [{ scopes: ['"'] }, 'scopes has an invalid name'],
  [{ callers: ['order', 'order'] }, 'callers has a duplicate name'],
  [{ internal: true, callers: [''] }, 'callers has an invalid name'],
  [{ acr: 'a"b' }, 'acr must be one of pwd, mfa, phr'],
  [{ acr: 'MFA' }, 'acr must be one of pwd, mfa, phr'],
  [{ acr: '' }, 'acr must be one of pwd, mfa, phr'],
  [{ role: ['admin'] }, 'unknown: role'],
  [{ max_auth_age: 1 }, 'unknown: max_auth_age'],
  [{ internal: true, roles: ['admin'] }, 'unknown: roles'],
  [{ internal: 'true' }, 'internal Invalid input: expected false'],
  [{ roles: [] }, 'roles is empty'],
  [{ scopes: [] }, 'scopes is empty'],
  [{ internal: true, callers: [] }, 'callers is empty'],
  [{ roles: 'admin' }, 'roles Invalid input: expected array, received string'],
  [{ roles: [undefined] }, 'roles has an invalid name'],
  [{ services: true }, 'services requires roles or scopes'],
  [{ maxAuthAge: Infinity }, 'maxAuthAge is not a number of seconds'],
  [{ maxAuthAge: '300' }, 'maxAuthAge is not a number of seconds'],
  [{ maxAuthAge: 0 }, 'maxAuthAge is not above 0'],
  [{ maxAuthAge: -1 }, 'maxAuthAge is not above 0'],
  [{ maxStaleness: Number.NaN }, 'maxStaleness is not a number of seconds'],
])('reports the fault of %j', (rule, fault) => {
  expect(faultsOf(rule as AccessRule)).toEqual([fault]);
  expect(() => assertRule(rule as AccessRule)).toThrow(fault);
});

test.each([undefined, null, 'anyone', 7, []])('refuses %j', (rule) => {
  expect(() => assertRule(rule as unknown as AccessRule)).toThrow('Invalid access rule');
});

test('reports an unknown role', () => {
  expect(faultsOf({ roles: ['admin', 'root'] }, new Set(['admin']))).toEqual(['unknown role root']);
});
