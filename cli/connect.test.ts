import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, openSystem, type System } from '../test/system.ts';
import { as, run } from './testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

/** Sessions that an account has open. */
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

test('a person signs in for the one command: their session ends with it, whatever came of it', async () => {
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

test('a wrong password is told in a sentence with its reason, and nothing of it is seen again', async () => {
  const { exit, stdout, stderr } = await run(['users', 'list', '--json'], {
    environment: as(system, { ...admin, password: 'not the password' }),
  });
  expect([exit, stdout, stderr]).toEqual([
    1,
    '',
    'signet: The email or the password is wrong. (INVALID_CREDENTIALS)\n',
  ]);
});

test('fields that are not valid are listed', async () => {
  const { exit, stderr } = await run(['sessions', 'revoke', 'not-an-id'], { environment: as(system) });
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/^signet: .+ \(INVALID_ARGUMENT\)\n {2}session_id: .+\n$/)]);
});

test('a token is used as it is, and stays good', async () => {
  const ada = await system.person();
  const environment = { SIGNET_URL: system.edge, SIGNET_CLI_TOKEN: ada.access };
  for (let count = 0; count < 2; count += 1) {
    const { exit, json } = await run(['sessions', 'list', '--json'], { environment });
    expect([exit, json().sessions]).toEqual([0, [expect.objectContaining({ current: true })]]);
  }
});

test('a token that is none is refused', async () => {
  const environment = { SIGNET_URL: `${system.edge}/`, SIGNET_CLI_TOKEN: 'a.b.c' };
  const { exit, stderr } = await run(['sessions', 'list'], { environment });
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/\(INVALID_TOKEN\)\n$/)]);
});
