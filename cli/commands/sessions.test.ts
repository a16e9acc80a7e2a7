import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSystem, type System } from '../../test/system.ts';
import { as, run } from '../testing/run.ts';

let system: System;
beforeAll(async () => (system = await openSystem()));
afterAll(() => system.close());

const isLive = async (token: string) => (await system.rest('GET', '/auth/verify', { token })).status === 200;

test('lists sessions as a table, up to the limit', async () => {
  const ada = await system.person();
  await system.rest('POST', '/auth/login', { body: { email: ada.email, password: ada.password } });
  const all = await run(['sessions', 'list'], { environment: as(system, ada) });
  expect(all.exit).toBe(0);
  expect(all.stdout).toMatch(/^ID +DEVICE +ADDRESS +STARTED +LAST USED +STATE\n/);
  expect(all.stdout).toMatch(/signet command line .* current\n/);
  expect(all.stdout.trim().split('\n')).toHaveLength(4);
  const two = await run(['sessions', 'list', '--limit', '2'], { environment: as(system, ada) });
  expect(two.stdout.trim().split('\n')).toHaveLength(3);
  expect(two.stderr).toBe('signet: more than 2 results; raise --limit to list them\n');
});

test('ends a session; a second attempt is NOT_FOUND', async () => {
  const ada = await system.person();
  const listed = await run(['sessions', 'list', '--json'], { environment: as(system, ada) });
  const { id } = listed.json().sessions.find((one: { current: boolean }) => !one.current);
  const ended = await run(['sessions', 'revoke', id], { environment: as(system, ada) });
  expect([ended.exit, ended.stdout]).toEqual([0, 'session ended; its tokens are revoked\n']);
  expect(await isLive(ada.access)).toBe(false);
  const again = await run(['sessions', 'revoke', id, '--json'], { environment: as(system, ada) });
  expect([again.exit, again.stdout, again.stderr]).toEqual([1, '', expect.stringContaining('(NOT_FOUND)')]);
  const kept = await run(['sessions', 'list', '--ended'], { environment: as(system, ada) });
  expect(kept.stdout).toMatch(new RegExp(`^${id} .* ended \\S+, revoked$`, 'm'));
});

test('shows a session whose refresh token was replayed', async () => {
  const ada = await system.person();
  for (const agent of ['Phone', 'curl']) {
    const asking = { body: { refresh_token: ada.refresh }, headers: { 'user-agent': agent } };
    const { json } = await system.rest('POST', '/auth/refresh', asking);
    system.secret(json.access_token);
    system.secret(json.refresh_token);
  }
  const { stdout } = await run(['sessions', 'list'], { environment: as(system, ada) });
  expect(stdout).toMatch(/ active; refresh token replayed \S+, from 127\.0\.0\.1\n/);
});

test('ends all other sessions', async () => {
  const ada = await system.person();
  const { exit, json } = await run(['sessions', 'revoke', '--all', '--json'], { environment: as(system, ada) });
  expect([exit, json()]).toEqual([0, { revoked_count: 1 }]);
  expect(await isLive(ada.access)).toBe(false);
});

test('ends all sessions of another account, by email', async () => {
  const ada = await system.person();
  const args = ['sessions', 'revoke', '--all', '--user', ada.email, '--yes'];
  const { exit, stdout } = await run(args, { environment: as(system) });
  expect([exit, stdout]).toEqual([0, 'sessions ended: 1\n']);
  expect(await isLive(ada.access)).toBe(false);
});

test('a session that is opened serves several commands, until it is closed', async () => {
  const ada = await system.person();
  const opened = await run(['sessions', 'open'], { environment: as(system, ada) });
  expect(opened.exit, opened.stderr).toBe(0);
  const [, token = ''] = /^export SIGNET_CLI_TOKEN='([\w.-]+)'\n$/.exec(opened.stdout) ?? [];
  system.secret(token);
  const environment = { SIGNET_URL: system.edge, SIGNET_CLI_TOKEN: token };
  const ids: string[] = [];
  for (let count = 0; count < 2; count++) {
    const { json } = await run(['sessions', 'list', '--json'], { environment });
    ids.push(json().sessions.find(({ current }: { current: boolean }) => current).id);
  }
  expect(ids[0]).toBe(ids[1]);
  const closed = await run(['sessions', 'close'], { environment });
  expect([closed.exit, closed.stdout]).toEqual([0, 'unset SIGNET_CLI_TOKEN\n']);
  expect(await isLive(token)).toBe(false);
});

test('a session is opened for a person, and closed by its token', async () => {
  const service = {
    SIGNET_URL: system.edge,
    SIGNET_SERVICE_NAME: 'x',
    SIGNET_SERVICE_KEY: system.service.key.reveal(),
  };
  const opened = await run(['sessions', 'open'], { environment: service });
  expect([opened.exit, opened.stderr]).toEqual([2, expect.stringContaining('a session belongs to a person')]);
  const closed = await run(['sessions', 'close'], { environment: { SIGNET_URL: system.edge } });
  expect([closed.exit, closed.stderr]).toEqual([2, 'signet: SIGNET_CLI_TOKEN is not set.\n']);
});
