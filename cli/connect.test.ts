import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, openSystem, type System } from '../test/system.ts';
import { as, run } from './testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

/** Counts the active sessions of an account. */
async function liveSessions(userId: string): Promise<number> {
  const client = new Client({ connectionString: system.database.url.reveal() });
  await client.connect();
  const { rows } = await client.query<{ live: number }>(
    'SELECT count(*)::int AS live FROM auth.sessions WHERE user_id = $1 AND revoked_at IS NULL',
    [userId],
  );
  await client.end();
  return rows[0]?.live ?? -1;
}

test('ends the session of a command, also when the command fails', async () => {
  const ada = await system.person();
  const before = await liveSessions(ada.id);
  const listed = await run(['sessions', 'list', '--json'], { environment: as(system, ada) });
  expect([listed.exit, listed.stderr]).toEqual([0, '']);
  expect(listed.json().sessions).toHaveLength(before + 1);
  expect(listed.json().sessions[0]).toMatchObject({ device_label: 'signet command line', current: true });

  const refused = await run(['users', 'list'], { environment: as(system, ada) });
  expect([refused.exit, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toMatch(/^signet: .+ \(INSUFFICIENT_SCOPE\)\n$/);
  expect(await liveSessions(ada.id)).toBe(before);
});

test('reports a wrong password with its reason, without printing the password', async () => {
  const { exit, stdout, stderr } = await run(['users', 'list', '--json'], {
    environment: as(system, { ...admin, password: 'not the password' }),
  });
  expect([exit, stdout, stderr]).toEqual([
    1,
    '',
    'signet: The email or the password is wrong. (INVALID_CREDENTIALS)\n',
  ]);
});

test('lists invalid fields', async () => {
  const { exit, stderr } = await run(['sessions', 'revoke', 'not-an-id'], { environment: as(system) });
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/^signet: .+ \(INVALID_ARGUMENT\)\n {2}session_id: .+\n$/)]);
});

test('uses SIGNET_CLI_TOKEN without ending its session', async () => {
  const ada = await system.person();
  const environment = { SIGNET_URL: system.edge, SIGNET_CLI_TOKEN: ada.access };
  for (let count = 0; count < 2; count += 1) {
    const { exit, json } = await run(['sessions', 'list', '--json'], { environment });
    expect([exit, json().sessions]).toEqual([0, [expect.objectContaining({ current: true })]]);
  }
});

test('reports an invalid token', async () => {
  const environment = { SIGNET_URL: `${system.edge}/`, SIGNET_CLI_TOKEN: 'a.b.c' };
  const { exit, stderr } = await run(['sessions', 'list'], { environment });
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/\(INVALID_TOKEN\)\n$/)]);
});
