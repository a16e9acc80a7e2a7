import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../../cli/testing/run.ts';
import { type Fleet, startFleet } from '../processes.ts';
import { openPeople, type People, type Person } from './recovery/people.ts';
import { startArchivedServer } from './recovery/archived.ts';
import { dumpPrograms, startDumpedServer } from './recovery/dumped.ts';
import type { RestorableServer } from './recovery/server.ts';

// The auth service's database is restored to an earlier state, while the other services run on another database.

describe('point-in-time recovery, while the auth service runs', () => {
  restoring(startArchivedServer, true);
});
describeWith(dumpPrograms, 'pg_dump and pg_restore, while the auth service is stopped', () => {
  restoring(startDumpedServer, false);
});

function restoring(startServer: () => Promise<RestorableServer>, isAuthRunning: boolean): void {
  let server: RestorableServer;
  let others: FreshDatabase;
  let fleet: Fleet;
  let people: People;
  /** The time of the restored state, and the head of the audit log before the restore. */
  let at: Date;
  let head: string;
  let [bystander, endedBefore, endedAfter, refreshing, deleted, late]: Person[] = [];
  let newest: string;

  beforeAll(async () => {
    [server, others] = await Promise.all([startServer(), freshDatabase()]);
    fleet = await startFleet({ url: server.url }, { USER_DATABASE_URL: others.url.reveal() });
    people = openPeople(fleet);
  });
  afterAll(async () => {
    people.close();
    await fleet.close();
    await server.close();
    await others.drop();
  });

  const refused = ['INVALID_TOKEN', 'INVALID_TOKEN'];

  /** Restarts the user service, whose guard then knows what the auth service knows now. */
  async function restartUser(): Promise<void> {
    await fleet.processes.user.end('SIGTERM');
    await fleet.restart('user');
    // Until its guard is ready, and the edge has reconnected.
    await expect.poll(async () => (await people.everywhere(bystander!)).join(' ')).not.toMatch(/STALE|UNAVAILABLE/);
  }

  async function verified(...options: string[]) {
    const { exit, stdout, stderr } = await run(['audit', 'verify', ...options], {
      environment: people.adminEnvironment,
    });
    return { exit, stderr, head: /^head +(\S+)$/m.exec(stdout)?.[1] ?? '' };
  }

  test('services that ran on refuse what was revoked before and after the restored state, and nothing else', async () => {
    [bystander, endedBefore, endedAfter, refreshing, deleted] = await people.add(5);
    await people.signOut(endedBefore!);
    await expect.poll(() => people.everywhere(endedBefore!)).toEqual(refused);
    at = await server.mark();

    await people.signOut(endedAfter!);
    newest = refreshing!.refresh;
    for (let round = 0; round < 3; round++) newest = (await people.refresh(newest)).refresh;
    [late] = await people.add(1);
    await people.erase(deleted!);
    await expect.poll(() => erased(others)).toEqual([deleted!.id]);
    await expect.poll(() => people.everywhere(endedAfter!)).toEqual(refused);
    ({ head } = await verified());

    if (!isAuthRunning) await fleet.processes.auth.end('SIGTERM');
    await server.restore();
    if (!isAuthRunning) await fleet.restart('auth');
    await expect.poll(() => people.isReady()).toBe(true);

    expect(await people.everywhere(endedBefore!)).toEqual(refused);
    expect(await people.everywhere(endedAfter!)).toEqual(refused);
    expect(await people.everywhere(bystander!)).toEqual(['OK', 'OK']);
  });

  test('a service that starts after the restore accepts a token that was revoked after the restored state', async () => {
    await restartUser();
    expect(await people.atUser(endedBefore!.access)).toBe('INVALID_TOKEN');
    expect(await people.atUser(endedAfter!.access)).toBe('OK');
  });

  test('the newest refresh token is accepted, and the oldest then ends the session', async () => {
    const { access, refresh } = await people.refresh(newest);
    expect(await people.atEdge(access)).toBe('OK');
    expect(await people.tryRefresh(refreshing!.refresh)).toMatchObject({ code: 'REFRESH_TOKEN_REUSED' });
    expect(await people.tryRefresh(refresh)).toMatchObject({ code: 'INVALID_REFRESH_TOKEN' });
  });

  test('what is newer than the restored state is lost: sessions and accounts are gone, or there again', async () => {
    expect(await people.tryRefresh(late!.refresh)).toMatchObject({ code: 'INVALID_REFRESH_TOKEN' });
    expect(await people.signsIn(late!)).toBe('INVALID_CREDENTIALS');
    expect(await people.tryRefresh(endedAfter!.refresh)).toMatchObject({ code: 'OK' });
    expect(await people.signsIn(deleted!)).toBe('OK');
  });

  test('a consumer that has applied lost events stops, and is not ready', async () => {
    await expect.poll(people.isServing).toBe(false);
    await expect.poll(() => fleet.processes.user.output()).toContain('signet events adopt user auth');
  });

  test('after `db restored` no earlier access token is valid anywhere, sessions go on, and so does the consumer', async () => {
    const earlier = [bystander, endedBefore, endedAfter, refreshing, deleted, late] as Person[];
    const environment = { AUTH_DATABASE_URL: server.url.reveal(), DATABASE_URL: others.url.reveal() };
    const { exit, stdout, stderr } = await run(['db', 'restored', '--at', at.toISOString()], { environment });
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^revoked all signing keys[^]+\nuser applies the events of auth behind position \d+;/);
    for (const person of earlier) await expect.poll(() => people.everywhere(person)).toEqual(refused);
    await expect.poll(people.isServing).toBe(true);

    const next = await people.refreshUntilValid(bystander!.refresh);
    await restartUser();
    for (const { access } of earlier) expect(await people.atUser(access)).toBe('INVALID_TOKEN');
    expect(await people.atUser(next.access)).toBe('OK');

    const [other] = await people.add(1);
    await people.erase(other!);
    await expect.poll(() => erased(others)).toEqual([deleted!.id, other!.id]);
  });

  test('the audit log is a whole chain that lost its end: a head from before the restore shows it', async () => {
    expect(await verified()).toMatchObject({ exit: 0 });
    const { exit, stderr } = await verified('--expect', head);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/the log was (truncated|rewritten)/);
  });
}

/** The accounts whose data the user service has erased, in this order. */
async function erased({ url }: FreshDatabase): Promise<string[]> {
  const client = await connectTo(url);
  try {
    const { rows } = await client.query<{ id: string }>(
      'SELECT user_id AS id FROM "user".owners WHERE erased_at IS NOT NULL ORDER BY erased_at',
    );
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}
