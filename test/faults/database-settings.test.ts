import { expect, onTestFinished, test } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import type { Secret } from '#kit/log/secret.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { pgbouncerProgram, startPgBouncer } from '#kit/testing/pgbouncer.ts';
import { freshDatabase } from '#kit/testing/postgres.ts';
import { useStarts } from '../starts.ts';
import { ask } from '../system.ts';

/** Runs `npm start` on databases with settings of an operator, and behind PgBouncer. */

const { startOf, stopAll } = useStarts('empty');

async function database(): Promise<Secret> {
  const { url, drop } = await freshDatabase();
  onTestFinished(async () => {
    await stopAll();
    await drop();
  });
  return url;
}

async function alterDatabase(url: Secret, what: string): Promise<void> {
  const client = await connectTo(url);
  await client.query(`ALTER DATABASE "${new URL(url.reveal()).pathname.slice(1)}" ${what}`);
  await client.end();
}

/** Twelve callers that register, sign in, and read and write their profiles. Returns the statuses of their calls. */
async function traffic(edge: string): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  const call = async (...request: Parameters<typeof ask>) => {
    const answer = await ask(...request);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    return answer;
  };
  const callers = Array.from({ length: 12 }, async (_, caller) => {
    const account = { email: `c${caller}@example.com`, password: 'correct horse battery' };
    await call(`${edge}/api/v1/auth/register`, 'POST', { body: { ...account, name: 'Ada 🚲' } });
    const login = await call(`${edge}/api/v1/auth/login`, 'POST', { body: account });
    let { access_token: token, refresh_token } = login.json;
    for (let turn = 0; turn < 10; turn++) {
      await call(`${edge}/api/v1/users/profile`, 'PATCH', { token, body: { bio: `turn ${turn}` } });
      await call(`${edge}/api/v1/users/profile`, 'GET', { token });
      await call(`${edge}/api/v1/auth/sessions`, 'GET', { token });
      await call(`${edge}/api/v1/products`, 'GET');
      ({ access_token: token, refresh_token } = (
        await call(`${edge}/api/v1/auth/refresh`, 'POST', { body: { refresh_token } })
      ).json);
    }
  });
  await Promise.all(callers);
  return statuses;
}

/** Twelve registrations; all other calls of `traffic`. */
const allWell = { 200: 12 * 51, 201: 12 };

const limits = { SIGNET_RATE_LIMIT: '0' };

test('signs in and serves with unusual settings of the database', async () => {
  const url = await database();
  await alterDatabase(url, `SET DateStyle = 'SQL, DMY'`);
  await alterDatabase(url, `SET TimeZone = 'America/St_Johns'`);
  await alterDatabase(url, `SET default_transaction_isolation = 'serializable'`);
  await alterDatabase(url, `SET search_path = 'nowhere'`);
  const { edge } = await startOf('all', { DATABASE_URL: url.reveal(), ...limits }).banner;
  expect(await traffic(edge)).toEqual(allWell);
});

test.each(['all', 'fleet'] as const)('npm start (%s) refuses a read-only database in a sentence', async (name) => {
  const url = new URL((await database()).reveal());
  url.searchParams.set('options', '-c default_transaction_read_only=on');
  const { code, output } = await startOf(name, { DATABASE_URL: url.href }).exited;
  expect(code).toBe(1);
  expect(output).toContain('signet: the database of DATABASE_URL is read-only: default_transaction_read_only is on');
  expect(output).not.toMatch(/\n\s+at /);
});

describeWith([pgbouncerProgram], 'npm start behind PgBouncer', () => {
  /** PgBouncer refuses the connections past its limits, and the services need more than it has by default. */
  const sizes = { max_client_conn: 300, default_pool_size: 80 };

  test('session mode works without other settings', async () => {
    const pooler = await startPgBouncer(await database(), { pool_mode: 'session', ...sizes });
    const { edge } = await startOf('all', { DATABASE_URL: pooler.url.reveal(), ...limits }).banner;
    expect(await traffic(edge)).toEqual(allWell);
    await stopAll();
    await pooler.close();
  });

  test('transaction mode works with DATABASE_DIRECT_URL, and starts a second time', async () => {
    const direct = await database();
    await alterDatabase(direct, `SET TimeZone = 'UTC'`);
    const pooler = await startPgBouncer(direct, { pool_mode: 'transaction', ...sizes, default_pool_size: 6 });
    const environment = {
      DATABASE_URL: pooler.url.reveal(),
      DATABASE_DIRECT_URL: direct.reveal(),
      SIGNET_DATABASE_PREPARED: 'off',
      ...limits,
    };
    const { edge } = await startOf('all', environment).banner;
    expect(await traffic(edge)).toEqual(allWell);
    await stopAll();
    const again = await startOf('all', environment).banner;
    expect((await ask(`${again.edge}/api/v1/products`, 'GET')).status).toBe(200);
    await stopAll();
    await pooler.close();
  });

  test('transaction mode without DATABASE_DIRECT_URL is refused in a sentence', async () => {
    const pooler = await startPgBouncer(await database(), { pool_mode: 'transaction', ...sizes });
    const { code, output } = await startOf('all', { DATABASE_URL: pooler.url.reveal() }).exited;
    expect(code).toBe(1);
    expect(output).toContain('signet: DATABASE_URL leads to a connection pooler in transaction mode.');
    expect(output).toContain('Set DATABASE_DIRECT_URL');
    expect(output).not.toMatch(/\n\s+at /);
    await pooler.close();
  });
});
