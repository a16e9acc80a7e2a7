import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type System } from '../../test/system.ts';
import { as, run } from '../testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

const asAdmin = (...args: string[]) => run(args, { environment: as(system) });

test('creates, changes, lists and deletes a role', async () => {
  const made = await asAdmin('roles', 'put', 'auditor', 'audit:read', 'users:read', '--json');
  expect([made.exit, made.json()]).toMatchObject([0, { role: 'auditor', scopes: ['audit:read', 'users:read'] }]);
  const changed = await asAdmin('roles', 'put', 'auditor', 'audit:read');
  expect([changed.exit, changed.stdout]).toEqual([0, 'role    auditor\nscopes  audit:read\n']);
  const listed = await asAdmin('roles', 'list');
  expect(listed.stdout).toMatch(/^auditor +audit:read +\d{4}-/m);
  expect(listed.stdout).toMatch(/^admin .* built in$/m);
  const gone = await asAdmin('roles', 'delete', 'auditor', '--yes');
  expect([gone.exit, gone.stdout]).toEqual([0, 'deleted the role auditor\n']);
});

test('refuses to delete a built-in role', async () => {
  const { exit, stderr } = await asAdmin('roles', 'delete', 'admin', '--yes');
  expect([exit, stderr]).toEqual([1, expect.stringContaining('(ROLE_BUILT_IN)')]);
});
