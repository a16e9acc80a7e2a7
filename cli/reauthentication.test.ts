import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RoleService } from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { admin, openSystem, type System } from '../test/system.ts';
import { createCli } from './cli.ts';
import { createOutput } from './output.ts';
import { run } from './testing/run.ts';

let system: System;
let db: Client;
let token: string;
beforeAll(async () => {
  system = await openSystem();
  db = new Client({ connectionString: system.database.url.reveal() });
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});
/** An admin's access token whose sign-in was six minutes ago. */
beforeEach(async () => {
  const { json } = await system.rest('POST', '/auth/login', { body: admin });
  await db.query(`UPDATE auth.sessions SET auth_time = now() - interval '6 minutes' WHERE user_id = $1`, [
    json.user.id,
  ]);
  const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: json.refresh_token } });
  token = system.secret(refreshed.json.access_token);
});

/** Calls PutRole and answers a password prompt with `typed`; returns the prompts. */
async function putRole(environment: Record<string, string>, typed?: string) {
  const prompts: string[] = [];
  const cli = createCli({
    environment: { SIGNET_URL: system.edge, SIGNET_CLI_TOKEN: token, ...environment },
    output: createOutput(process.stdout, process.stderr),
    terminal: {
      isInteractive: typed !== undefined,
      ask: async (question) => (prompts.push(question), 'not asked for'),
      askHidden: async (question) => (prompts.push(question), typed ?? ''),
    },
  });
  const ended = await cli
    .signedIn({}, ({ client }) => client(RoleService).putRole({ role: 'auditor', scopes: ['audit:read'] }))
    .then(
      ({ role }) => role,
      (error: unknown) => reasonOf(error),
    );
  return { ended, prompts };
}

const openSessions = async () =>
  (await db.query(`SELECT FROM auth.sessions WHERE device_label = 'signet command line' AND revoked_at IS NULL`))
    .rowCount;

test('renews an old sign-in with a password prompt, for the one command', async () => {
  const { ended, prompts } = await putRole({}, admin.password);
  expect([ended, prompts]).toEqual(['auditor', [`recent sign-in required; password of ${admin.email}: `]]);
  expect(await openSessions()).toBe(0);
});

test('renews an old sign-in with SIGNET_CLI_PASSWORD, without a prompt', async () => {
  const { ended, prompts } = await putRole({ SIGNET_CLI_PASSWORD: admin.password });
  expect([ended, prompts]).toEqual(['auditor', []]);
  expect(await openSessions()).toBe(0);
});

test('refuses to continue a command after a sign-in to another account', async () => {
  const other = await system.person();
  const { ended, prompts } = await putRole({ SIGNET_CLI_EMAIL: other.email, SIGNET_CLI_PASSWORD: other.password });
  expect([ended, prompts]).toEqual([undefined, []]);
  const { rowCount } = await db.query(`SELECT FROM auth.roles WHERE name = 'of another'`);
  expect(rowCount).toBe(0);
});

test('prompts once and refuses a wrong password', async () => {
  const { ended, prompts } = await putRole({}, 'not the password');
  expect([ended, prompts.length]).toEqual(['INVALID_CREDENTIALS', 1]);
});

test('without a terminal, fails with REAUTHENTICATION_REQUIRED', async () => {
  const environment = { SIGNET_URL: system.edge, SIGNET_CLI_TOKEN: token };
  const { exit, stderr } = await run(['roles', 'put', 'auditor', 'audit:read'], { environment });
  expect([exit, stderr]).toEqual([1, expect.stringContaining('(REAUTHENTICATION_REQUIRED)')]);
});
