import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { useStarts } from '../starts.ts';
import { ask, openSystem, type Person, type System, type SystemOptions } from '../system.ts';

/** Clocks of processes and of the database that are wrong, or were. */

const day = 86_400_000;
const { startOf } = useStarts();

let system: System;
let opened = false;
afterEach(async () => {
  if (opened) await system.close();
  opened = false;
});

/** Opens a fleet in which the clocks of services are ahead by milliseconds, or behind. */
async function fleetWith(shifts: Readonly<Record<string, number>>): Promise<void> {
  await open({ shape: 'fleet', env: { NODE_OPTIONS: shifted(shifts) } });
}

/** Node's options for processes whose clocks are ahead by milliseconds, by service. */
function shifted(shifts: Readonly<Record<string, number>>): string {
  const preload = new URL('clocks/shifted-clock.ts', import.meta.url);
  for (const [service, shift] of Object.entries(shifts)) preload.searchParams.set(service, String(shift));
  return `--import=${preload.href}`;
}

async function open(options: SystemOptions): Promise<void> {
  system = await openSystem(options);
  opened = true;
}

async function change(statement: string, ...values: unknown[]): Promise<void> {
  const client = await connectTo(system.database.url);
  await client.query(statement, values);
  await client.end();
}

const profile = (token: string) => system.rest('GET', '/users/profile', { token });
const changePassword = ({ access: token, password }: Person) =>
  system.rest('POST', '/auth/password', {
    token,
    body: { current_password: password, new_password: 'another correct horse' },
  });

test.each([
  { auth: 8_000 },
  { auth: -40_000 },
  { edge: 8_000, user: -8_000 },
  { edge: -40_000, user: 40_000 },
  { auth: day, edge: -day },
])('wrong clocks (ms) change nothing for users, and are reported: %o', async (shifts: Record<string, number>) => {
  await fleetWith(shifts);
  const person = await system.person();
  expect((await profile(person.access)).status).toBe(200);
  const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
  expect(refreshed.status).toBe(200);
  expect((await profile(refreshed.json.access_token)).status).toBe(200);
  expect((await changePassword(person)).status).toBe(200);
  const { access_token, refresh_token } = refreshed.json;
  expect((await system.rest('POST', '/auth/logout', { body: { refresh_token } })).status).toBe(200);
  await expect.poll(async () => (await profile(access_token)).status).toBe(401);
  for (const [service, shift] of Object.entries(shifts)) {
    const direction = shift > 0 ? 'ahead of' : 'behind';
    const own = `"service":"${service}"[^\\n]*this machine's clock is ${Math.abs(shift / 1_000)}\\.\\d s ${direction}`;
    await expect.poll(system.logged).toMatch(new RegExp(own));
  }
});

test.each([8_000, -40_000])(
  'npm start with a clock that is wrong by %d ms serves at once, and warns',
  async (shift) => {
    const { edge, output } = await startOf('all', { NODE_OPTIONS: shifted({ all: shift }) }).banner;
    const account = { email: 'ada@example.com', password: 'correct horse battery' };
    await ask(`${edge}/api/v1/auth/register`, 'POST', { body: { ...account, name: 'Ada' } });
    const { access_token: token } = (await ask(`${edge}/api/v1/auth/login`, 'POST', { body: account })).json;
    expect((await ask(`${edge}/api/v1/users/profile`, 'GET', { token })).status).toBe(200);
    expect(output).toContain("this machine's clock is");
  },
);

describe("after the database's clock was a day ahead", () => {
  const later = `interval '1 day'`;

  test('a session of then goes on, without counting as a recent sign-in', async () => {
    await open({});
    const person = await system.person();
    await change(
      `UPDATE auth.sessions SET created_at = created_at + ${later}, auth_time = auth_time + ${later},
         rotated_at = rotated_at + ${later}, last_used_at = last_used_at + ${later} WHERE user_id = $1`,
      person.id,
    );
    const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    expect(refreshed.status).toBe(200);
    const access: string = refreshed.json.access_token;
    expect((await profile(access)).status).toBe(200);
    const changed = await changePassword({ ...person, access });
    expect([changed.status, changed.json.code]).toEqual([401, 'REAUTHENTICATION_REQUIRED']);
  });

  test('a refresh token of then is given again for no longer than the grace', async () => {
    await open({ env: { SIGNET_REFRESH_GRACE: '5s' } });
    const person = await system.person();
    const refresh = () => system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    expect((await refresh()).status).toBe(200);
    await change(`UPDATE auth.sessions SET rotated_at = rotated_at + ${later} WHERE user_id = $1`, person.id);
    const again = await refresh();
    expect([again.status, again.json.code]).toEqual([401, 'REFRESH_TOKEN_REUSED']);
  });

  test('an account that was changed then gets no token that guards would refuse, until an operator ends it', async () => {
    const masterKey = Buffer.alloc(32, 9).toString('base64');
    await open({ env: { SIGNET_MASTER_KEY: masterKey } });
    const person = await system.person();
    await change(`UPDATE auth.users SET tokens_from = now() + ${later} WHERE id = $1`, person.id);
    await change(`UPDATE auth.revocations SET revoked_at = revoked_at + ${later}, expires_at = expires_at + ${later}`);
    const refresh = () => system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    const { status, json } = await refresh();
    expect([status, json.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(system.logged()).toMatch(/is dated \d+ s in the future: the database's clock was ahead/);
    for (const statement of statementsOf('## Clocks')) await change(statement);
    const { url } = system.database;
    // A start of services with what the database holds then.
    const restarted = await openSystem({ env: { DATABASE_URL: url.reveal(), SIGNET_MASTER_KEY: masterKey } });
    const { email, password } = person;
    const login = await restarted.rest('POST', '/auth/login', { body: { email, password } });
    const token: string = login.json.access_token;
    expect((await restarted.rest('GET', '/users/profile', { token })).status).toBe(200);
    await restarted.close();
  });
});

/** The SQL statements of a section of docs/operating.md. */
function statementsOf(heading: string): string[] {
  const text = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  const section = text.slice(text.indexOf(`\n${heading}\n`)).split('\n## ')[1] ?? '';
  const sql = /```sql\n(.*?)```/s.exec(section)?.[1] ?? '';
  return sql.split(';').filter((statement) => statement.trim() !== '');
}
