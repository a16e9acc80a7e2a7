import { afterEach, describe, expect, test } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { openSystem, type Person, type System, type SystemOptions } from '../system.ts';

/** Clocks of processes and of the database that are wrong, or were. */

let system: System;
let opened = false;
afterEach(async () => {
  if (opened) await system.close();
  opened = false;
});

/** Opens a fleet in which the clocks of services are ahead by milliseconds, or behind. */
async function fleetWith(shifts: Readonly<Record<string, number>>): Promise<void> {
  const preload = new URL('clocks/shifted-clock.ts', import.meta.url);
  for (const [service, shift] of Object.entries(shifts)) preload.searchParams.set(service, String(shift));
  await open({ shape: 'fleet', env: { NODE_OPTIONS: `--import=${preload.href}` } });
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

describe.each([8_000, -8_000, 40_000, -40_000, 86_400_000])('a clock that is wrong by %d ms', (shift) => {
  test.each(['auth', 'edge', 'user'])('of %s changes nothing for users, and is reported', async (service) => {
    await fleetWith({ [service]: shift });
    const person = await system.person();
    expect((await profile(person.access)).status).toBe(200);
    const refreshed = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    expect(refreshed.status).toBe(200);
    expect((await profile(refreshed.json.access_token)).status).toBe(200);
    expect((await changePassword(person)).status).toBe(200);
    // Signed out by the change of the password: its token is refused, and the new one works.
    const signedOut = await system.rest('POST', '/auth/logout', {
      body: { refresh_token: refreshed.json.refresh_token },
    });
    expect(signedOut.status).toBe(200);
    await expect.poll(async () => (await profile(person.access)).status, { timeout: 3_000 }).toBe(401);
    const reported = new RegExp(
      `"service":"${service}"[^\\n]*this machine's clock is ${Math.abs(shift / 1_000)}\\.\\d s ${shift > 0 ? 'ahead of' : 'behind'}`,
    );
    await expect.poll(system.logged, { timeout: 5_000 }).toMatch(reported);
  });
});

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

  test('an account that was changed then gets no token that guards would refuse', async () => {
    await open({});
    const person = await system.person();
    await change(`UPDATE auth.users SET tokens_from = now() + ${later} WHERE id = $1`, person.id);
    const { status, json } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } });
    expect([status, json.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(system.logged()).toMatch(/is dated \d+ s in the future: the database's clock was ahead/);
  });
});
