import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ride, RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport as grpcChannel } from '#kit/transport/grpc-client.ts';
import { openSystem, type Person, type System } from '../system.ts';

/** What follows from a ride: streams, charges, notifications, figures, expiry and erasure. */

let system: System;
let direct: Transport & { close(): void };
let transports: Record<string, Transport>;
let database: Client;
let user: Person;
let raider: Person;
beforeAll(async () => {
  const env = { SIGNET_STREAM_LIMIT_ADDRESS: '100' };
  system = await openSystem({ services: ['ride', 'notification', 'analytics'], env });
  direct = grpcChannel(system.targets['ride']!, [RideService]);
  transports = { 'the edge': createGrpcTransport({ baseUrl: system.edge }), 'the service': direct };
  database = new Client(connection(system.database.url));
  await database.connect();
  [user, raider] = await Promise.all([system.person(), system.person('raider')]);
});
afterAll(async () => {
  direct.close();
  await database.end();
  await system.close();
});

const soon = { timeout: 60_000, interval: 20 };
const place = { latitude: 52.5, longitude: 13.4 };
const post = ({ access: token }: Person, path: string, body: object = {}) => system.rest('POST', path, { token, body });
const read = async ({ access: token }: Person, id: string) =>
  (await system.rest('GET', `/rides/${id}`, { token })).json;
async function book(by = user, payment_method = ''): Promise<string> {
  const { status, json, text } = await post(by, '/rides', { pickup: place, dropoff: place, payment_method });
  expect(status, text).toBe(201);
  return json.id;
}
async function move(by: Person, id: string, ...verbs: string[]) {
  for (const verb of verbs) expect((await post(by, `/rides/${id}:${verb}`)).status, verb).toBe(200);
}
async function noticesOf({ access: token }: Person, rideId: string): Promise<string[]> {
  const { json } = await system.rest('GET', '/notifications?page_size=100', { token });
  return json.notifications
    .filter(({ data }: { data: Record<string, string> }) => data['ride_id'] === rideId)
    .map(({ kind }: { kind: string }) => kind);
}

function watch(transport: Transport, { access }: Person, rideId: string) {
  const seen: Ride[] = [];
  const stream = createClient(RideService, transport).watchRide(
    { rideId },
    { headers: { authorization: `Bearer ${access}` } },
  );
  const ended = (async () => {
    try {
      for await (const ride of stream) seen.push(ride);
      return 'ended';
    } catch (error) {
      return reasonOf(error);
    }
  })();
  return { seen, states: () => seen.map(({ state }) => state), ended };
}

test.each(['the edge', 'the service'])(
  'both parties at %s see every state and the position, and the streams end',
  async (at) => {
    const id = await book();
    const ofUser = watch(transports[at]!, user, id.toUpperCase());
    await expect.poll(() => ofUser.seen.length, soon).toBe(1);
    await move(raider, id, 'accept');
    const ofRaider = watch(transports[at]!, raider, id);
    await expect.poll(() => ofRaider.seen.length, soon).toBe(1);
    await move(raider, id, 'start');
    await expect.poll(() => ofUser.states().at(-1), soon).toBe('started');
    await post(raider, `/rides/${id}:position`, { latitude: 1, longitude: 2 });
    await expect.poll(() => ofUser.seen.at(-1)?.position?.longitude, soon).toBe(2);
    await move(raider, id, 'complete');
    expect([await ofUser.ended, await ofRaider.ended]).toEqual(['ended', 'ended']);
    expect(ofUser.states()).toEqual(['requested', 'accepted', 'started', 'started', 'completed']);
    expect(ofRaider.states().at(-1)).toBe('completed');
  },
);

test('a watched ride ends with its token, and as server-sent events it has the ride of GetRide', async () => {
  const ada = await system.person();
  const id = await book(ada);
  const { states, ended } = watch(transports['the edge']!, ada, id);
  await expect.poll(states, soon).toEqual(['requested']);
  await system.rest('POST', '/auth/logout', { token: ada.access, body: {} });
  expect(await ended).toBe('INVALID_TOKEN');
  const cancelled = await book();
  await move(user, cancelled, 'cancel');
  const { text, headers } = await system.rest('GET', `/rides/${cancelled}:watch`, { token: user.access });
  expect(headers.get('content-type')).toContain('text/event-stream');
  expect(JSON.parse(text.slice(text.indexOf('data: ') + 6, text.indexOf('\n\n')))).toEqual(await read(user, cancelled));
});

test('a declined fare leaves the ride completed and unpaid for both and for support; the next attempt is planned', async () => {
  const id = await book(user, 'pm_card_declined');
  await move(raider, id, 'accept', 'start', 'complete');
  const expected = { state: 'completed', payment_state: 'unpaid' };
  await expect.poll(() => read(user, id), soon).toMatchObject(expected);
  expect(await read(raider, id)).toMatchObject(expected);
  const support = await system.staff('support');
  const { json } = await system.rest('GET', `/admin/rides/${id}`, { token: support.access });
  expect(json).toMatchObject(expected);
  const jobs = `FROM ride_jobs.job WHERE name = 'charge' AND data ->> 'rideId' = $1 AND state IN ('created', 'retry')`;
  const { rows } = await database.query(`SELECT start_after - now() AS wait, data ->> 'attempt' AS attempt ${jobs}`, [
    id,
  ]);
  expect(rows).toEqual([{ wait: expect.objectContaining({ minutes: 59 }), attempt: '2' }]);
  await database.query(`UPDATE ride_jobs.job SET start_after = now() WHERE id = (SELECT id ${jobs})`, [id]);
  const third = async () =>
    (await database.query(`SELECT data ->> 'attempt' AS attempt ${jobs}`, [id])).rows[0]?.attempt;
  await expect.poll(third, soon).toBe('3');
  const { json: found } = await system.rest('GET', `/admin/payments?order_id=${id}`, { token: support.access });
  expect(found.payments).toMatchObject([{ state: 'failed' }]);
});

test('a charge whose outcome is unknown at first is paid once it is known', async () => {
  const id = await book(user, 'pm_timeout_then_ok');
  await move(raider, id, 'accept', 'start', 'complete');
  await expect.poll(() => read(raider, id), soon).toMatchObject({ payment_state: 'paid' });
});

test('a ride expires that no raider accepts in time; its user is notified, and its stream ends', async () => {
  const id = await book();
  const { states, ended } = watch(transports['the edge']!, user, id);
  await expect.poll(states, soon).toEqual(['requested']);
  await database.query("UPDATE ride.rides SET expires_at = now() - interval '1 second' WHERE id = $1", [id]);
  expect(await ended).toBe('ended');
  expect(states()).toEqual(['requested', 'expired']);
  expect((await post(raider, `/rides/${id}:accept`)).json.code).toBe('RIDE_STATE');
  await expect.poll(() => noticesOf(user, id), soon).toEqual(['ride_expired']);
});

test('the parties are notified, and a completed ride is counted', async () => {
  const id = await book();
  await move(raider, id, 'accept', 'start', 'complete');
  await expect.poll(() => noticesOf(user, id), soon).toEqual(['ride_completed', 'ride_accepted']);
  const byRaider = await book();
  await move(raider, byRaider, 'accept', 'cancel');
  await expect.poll(() => noticesOf(user, byRaider), soon).toEqual(['ride_cancelled', 'ride_accepted']);
  expect(await noticesOf(raider, byRaider)).toEqual([]);
  const byUser = await book();
  await move(raider, byUser, 'accept');
  await move(user, byUser, 'cancel');
  await expect.poll(() => noticesOf(raider, byUser), soon).toEqual(['ride_cancelled']);
  const admin = await system.staff('admin');
  const date = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const { rows } = await database.query(`SELECT FROM ride.rides WHERE state = 'completed'`);
  const counted = async () =>
    (
      await system.rest('GET', `/admin/analytics/summary?from_date=${date(-1)}&to_date=${date(1)}`, {
        token: admin.access,
      })
    ).json.totals.rides;
  await expect.poll(counted, soon).toBe(rows.length);
});

test('the rides of a deleted account name it no more, and the other party learns of the cancellation', async () => {
  const [ada, bob] = [await system.person(), await system.person('raider')];
  const id = await book(ada);
  await move(bob, id, 'accept', 'start');
  const { states, ended } = watch(transports['the service']!, bob, id);
  await expect.poll(states, soon).toEqual(['started']);
  const { status } = await system.rest('DELETE', '/users/account', { token: ada.access });
  expect(status).toBeLessThan(300);
  expect(await ended).toBe('ended');
  expect(states()).toEqual(['started', 'cancelled']);
  await expect.poll(() => read(bob, id), soon).toMatchObject({ state: 'cancelled', cancelled_by: 'user', user_id: '' });
  expect(await read(bob, id)).not.toHaveProperty('pickup');
  await expect.poll(() => noticesOf(bob, id), soon).toEqual(['ride_cancelled']);
});
