import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type System } from '../../test/system.ts';
import { as, run } from '../testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

const asAdmin = (...args: string[]) => run(args, { environment: as(system) });

test('creates the next key, lists both, and revokes one', async () => {
  const made = await asAdmin('keys', 'rotate', '--json');
  expect([made.exit, made.json()]).toMatchObject([0, { state: 'pending', alg: 'RS256' }]);
  const { kid } = made.json();

  const listed = await asAdmin('keys', 'list');
  expect(listed.stdout).toMatch(/^KID +ALG +STATE +CREATED +SIGNS FROM +RETIRED\n/);
  expect(listed.stdout).toMatch(new RegExp(`^${kid} +RS256 +pending `, 'm'));
  expect(listed.stdout).toMatch(/ RS256 +active /);

  const revoked = await asAdmin('keys', 'revoke', kid, '--yes');
  expect([revoked.exit, revoked.stdout]).toEqual([0, expect.stringMatching(/^state +revoked$/m)]);
  const unknown = await asAdmin('keys', 'revoke', 'no-such-key', '--yes', '--json');
  expect([unknown.exit, unknown.stdout, unknown.stderr]).toEqual([1, '', expect.stringContaining('(NOT_FOUND)')]);
});
