import { afterEach, expect, test } from 'vitest';
import type { Secret } from '#kit/log/secret.ts';
import { describeWith } from '#kit/testing/describe-with.ts';
import { pgbouncerProgram, startPgBouncer, type TestPgBouncer } from '#kit/testing/pgbouncer.ts';
import { byPort, portOf } from '#kit/testing/postgres.ts';
import { openTcpProxy, type TcpProxy } from '#kit/testing/tcp-proxy.ts';
import { run } from '../../cli/testing/run.ts';
import { type Fleet, startFleet } from '../processes.ts';
import { type ArchivedServer, type Standby, startArchivedServer } from './recovery/archived.ts';
import { useUnderLoad } from './recovery/load.ts';
import { openPeople, type People, type Person } from './recovery/people.ts';

// The primary of all services is killed under load, and its standby takes over at the same address.

let primary: ArchivedServer;
let standby: Standby;
/** From the standby to the primary, and from the services to the current primary. */
let [link, address]: TcpProxy[] = [];
let fleet: Fleet;
let people: People;

/** @param through returns the URL of the services, which leads to the address */
async function start(through = async (url: Secret) => url): Promise<void> {
  primary = await startArchivedServer();
  [link, address] = [await openTcpProxy(portOf(primary.url)), await openTcpProxy(portOf(primary.url))];
  standby = await primary.startStandby(link.port);
  // A loaded machine needs longer than the usual ten seconds.
  fleet = await startFleet({ url: await through(byPort(primary.url, address.port)) }, { SIGNET_REFRESH_GRACE: '2m' });
  people = openPeople(fleet);
}
afterEach(async () => {
  people.close();
  await fleet.close();
  await standby.stop();
  await primary.close();
  for (const proxy of [link!, address!]) await proxy.close();
});

/** Kills the primary and lets the standby take over, which first is read-only. Writes fail with 503 until then. */
async function failOver({ email }: Person): Promise<void> {
  const refusesWrites = () => expect.poll(() => people.signsIn({ email })).toBe('SERVICE_UNAVAILABLE');
  await primary.kill();
  await refusesWrites();
  address!.lead(portOf(standby.url));
  await refusesWrites();
  await standby.promote();
}

const audited = async (kind: string) =>
  (await standby.query(`SELECT FROM auth.audit_events WHERE kind = $1`, [kind])).length;

test('without the last commits: 503 until the standby has taken over, then sessions go on and revocations hold', async () => {
  await start();
  const [bystander, endedBefore, endedAfter, deleted] = (await people.add(4)) as [Person, Person, Person, Person];
  const refuses = (person: Person) =>
    expect.poll(() => people.everywhere(person), { interval: 20 }).toEqual(['INVALID_TOKEN', 'INVALID_TOKEN']);
  await people.signOut(endedBefore);
  await refuses(endedBefore);
  const load = await useUnderLoad(people, 8);
  await load.answers(200);
  await standby.caughtUp();
  link!.be('cut');

  await load.answers(200);
  await people.signOut(endedAfter);
  await people.erase(deleted);
  const [late] = (await people.add(1)) as [Person];
  await refuses(endedAfter);

  await failOver(bystander);
  load.isOver();
  await load.answers(200);
  await load.end('asynchronous');
  for (const person of [endedBefore, endedAfter]) await refuses(person);
  expect(await people.everywhere(bystander)).toEqual(['OK', 'OK']);
  expect(await audited('refresh_ahead')).toBeGreaterThan(0);
  expect(await people.signsIn(late)).toBe('INVALID_CREDENTIALS');
  expect(await people.signsIn(deleted)).toBe('OK');

  // Producer and consumer were set back together, so the events go on.
  const [other] = (await people.add(1)) as [Person];
  await people.erase(other);
  await expect
    .poll(() => standby.query('SELECT user_id AS id FROM "user".owners WHERE erased_at IS NOT NULL'))
    .toEqual([{ id: other.id }]);
  expect(await people.isServing()).toBe(true);

  const [replayed] = await standby.query<{ at: Date }>('SELECT pg_last_xact_replay_timestamp() AS at');
  const environment = { DATABASE_URL: standby.url.reveal() };
  const restored = await run(['db', 'restored', '--at', replayed!.at.toISOString(), '--json'], { environment });
  expect(restored.json()).toMatchObject({ moved: [] });
  for (const person of [bystander, late, deleted]) await refuses(person);
  await people.refreshUntilValid(bystander.refresh);
});

test('with a synchronous standby nothing that was answered is lost', async () => {
  await start();
  await primary.query(`ALTER SYSTEM SET synchronous_standby_names = 'standby'`);
  await primary.query('SELECT pg_reload_conf()');
  await expect
    .poll(() => primary.query('SELECT sync_state FROM pg_stat_replication'))
    .toEqual([{ sync_state: 'sync' }]);
  const [bystander, ended] = (await people.add(2)) as [Person, Person];
  const load = await useUnderLoad(people, 8);
  await load.answers(200);
  await people.signOut(ended);
  const [late] = (await people.add(1)) as [Person];

  await failOver(bystander);
  load.isOver();
  await load.answers(200);
  await load.end('synchronous');
  expect(await audited('refresh_ahead')).toBe(0);
  expect(await people.signsIn(late)).toBe('OK');
  await fleet.processes.user.end('SIGTERM');
  await fleet.restart('user');
  // Its guard knows what the database knows.
  await expect.poll(() => people.everywhere(bystander)).toEqual(['OK', 'OK']);
  expect(await people.everywhere(ended)).toEqual(['INVALID_TOKEN', 'INVALID_TOKEN']);
});

describeWith([pgbouncerProgram], 'through PgBouncer', () => {
  let pooler: TestPgBouncer;
  afterEach(() => pooler.close());

  test('services that wait in its queue go on with the new primary', async () => {
    await start(async (url) => {
      const sizes = { max_client_conn: 200, default_pool_size: 70 };
      pooler = await startPgBouncer(url, { pool_mode: 'session', ...sizes, server_login_retry: 1 });
      return pooler.url;
    });
    const [bystander] = (await people.add(1)) as [Person];
    await standby.caughtUp();
    const load = await useUnderLoad(people, 8);
    await load.answers(200);
    await primary.kill();
    address!.lead(portOf(standby.url));
    await standby.promote();
    load.isOver();
    await load.answers(200);
    await load.end('through PgBouncer');
    expect(await people.everywhere(bystander)).toEqual(['OK', 'OK']);
  });
});
