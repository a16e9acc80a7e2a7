import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../../test/system.ts';
import { as, run } from '../testing/run.ts';

let system: System;
let ada: Person;
beforeAll(async () => {
  system = await openSystem();
  ada = await system.person();
});
afterAll(() => system.close());

const asAdmin = (...args: string[]) => run(args, { environment: as(system) });

test('lists accounts, following pages up to the limit', async () => {
  const people = [];
  for (let count = 0; count < 3; count += 1) people.push(await system.person('raider'));
  const listed = await asAdmin('users', 'list', '--role', 'raider', '--json');
  expect([listed.exit, listed.stderr]).toEqual([0, '']);
  expect(listed.json().users.map(({ id }: Person) => id)).toEqual(people.map(({ id }) => id).toReversed());
  expect(listed.json().next_page_token).toBe('');

  const two = await asAdmin('users', 'list', '--role', 'raider', '--limit', '2');
  expect(two.stdout).toMatch(/^ID +EMAIL +NAME +ROLES +CREATED +DISABLED\n/);
  expect(two.stdout.trim().split('\n')).toHaveLength(3);
  expect(two.stderr).toBe('signet: more than 2 results; raise --limit to list them\n');
});

test('shows an account by its id or its email, in any letter case', async () => {
  for (const name of [ada.id, ada.email, ada.email.toUpperCase()]) {
    const { exit, json } = await asAdmin('users', 'show', name, '--json');
    expect([exit, json()]).toMatchObject([0, { id: ada.id, email: ada.email, roles: ['user'] }]);
  }
  const { stdout } = await asAdmin('users', 'show', ada.email);
  expect(stdout).toMatch(new RegExp(`^id +${ada.id}\nemail +${ada.email}\nname +Ada\nroles +user\n`));
});

test('reports an unknown account', async () => {
  const unknown = await asAdmin('users', 'show', 'nobody@example.com');
  expect([unknown.exit, unknown.stderr]).toEqual([
    1,
    'signet: No account has the email nobody@example.com. (NOT_FOUND)\n',
  ]);
  // A prefix of an email does not match.
  const part = await asAdmin('users', 'show', ada.email.slice(0, -1));
  expect(part.exit).toBe(1);
  const neither = await asAdmin('users', 'show', 'ada');
  expect([neither.exit, neither.stderr]).toEqual([2, 'signet: ada is neither an account id nor an email.\n']);
});

test('grants and revokes a role', async () => {
  const given = await asAdmin('users', 'grant', ada.email, 'support', '--json');
  expect([given.exit, given.json().roles]).toEqual([0, ['support', 'user']]);
  const taken = await asAdmin('users', 'revoke', ada.email, 'support');
  expect([taken.exit, taken.stdout]).toEqual([0, expect.stringContaining('no longer has the role support')]);
  const again = await asAdmin('users', 'revoke', ada.email, 'support');
  expect([again.exit, again.stderr]).toEqual([1, expect.stringContaining('(NOT_FOUND)')]);
});

test('disables and enables an account', async () => {
  const disabled = await asAdmin('users', 'disable', ada.email, '--yes', '--json');
  expect([disabled.exit, disabled.json().disabled_at]).toEqual([0, expect.stringMatching(/^\d{4}-/)]);
  const listed = await asAdmin('users', 'list', '--disabled', '--json');
  expect(listed.json().users.map(({ id }: Person) => id)).toEqual([ada.id]);
  const enabled = await asAdmin('users', 'enable', ada.id);
  expect([enabled.exit, enabled.stdout]).toEqual([0, expect.stringMatching(/^disabled +-$/m)]);
});

test('refuses to disable the last administrator', async () => {
  const { exit, stderr } = await asAdmin('users', 'disable', 'root@example.com', '--yes');
  expect([exit, stderr]).toEqual([1, 'signet: At least one administrator must remain. (LAST_ADMIN)\n']);
});
