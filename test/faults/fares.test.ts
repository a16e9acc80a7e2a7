import { type Client, createClient } from '@connectrpc/connect';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { createGrpcTransport, type GrpcTransport } from '#kit/transport/grpc-client.ts';
import { type Fleet, startFleet } from '../processes.ts';
import { ask } from '../system.ts';

/** A fare is charged once, whatever ends in the meantime. */

let database: FreshDatabase;
let fleet: Fleet;
let pool: Pool;
let transport: GrpcTransport;
let rides: Client<typeof RideService>;
let user: { headers: Record<string, string> };
let raider: { headers: Record<string, string> };

beforeAll(async () => {
  database = await freshDatabase();
  pool = new Pool({ ...connection(database.url), max: 2 });
  fleet = await startFleet(database, {}, ['auth', 'payment', 'ride']);
  transport = createGrpcTransport(`127.0.0.1:${String(fleet.processes.ride.ready['port'])}`, [RideService]);
  rides = createClient(RideService, transport);
  [user, raider] = await Promise.all([signedIn('user'), signedIn('raider')]);
});
afterAll(async () => {
  transport.close();
  await fleet.close();
  await pool.end();
  await database.drop();
});

async function signedIn(role: string) {
  const person = { email: `${role}@example.com`, password: fleet.secret(crypto.randomUUID()) };
  await ask(`${fleet.auth}/api/v1/auth/register`, 'POST', { body: { ...person, name: 'Ada', role } });
  const { status, json, text } = await ask(`${fleet.auth}/api/v1/auth/login`, 'POST', { body: person });
  expect(status, text).toBe(200);
  return { headers: { authorization: `Bearer ${fleet.secret(json.access_token)}` } };
}

async function started(paymentMethod: string): Promise<string> {
  const place = { latitude: 52.5, longitude: 13.4 };
  const { id: rideId } = await rides.bookRide({ pickup: place, dropoff: place, paymentMethod }, user);
  await rides.acceptBooking({ rideId }, raider);
  await rides.startRide({ rideId }, raider);
  return rideId;
}

async function captures(rideId: string): Promise<number> {
  const { rows } = await pool.query(
    `SELECT FROM payment_sandbox.charges WHERE state = 'captured' AND key LIKE $1 || '%'`,
    [rideId],
  );
  return rows.length;
}

const paymentState = (rideId: string) =>
  rides.getRide({ rideId }, user).then(
    ({ paymentState: state }) => state,
    () => 'no answer',
  );
const soon = { timeout: 60_000, interval: 100 };

test('though the payment service is away at the completion', async () => {
  const id = await started('pm_card_ok');
  await fleet.processes.payment.end('SIGKILL');
  expect(await rides.completeRide({ rideId: id }, raider)).toMatchObject({
    state: 'completed',
    paymentState: 'pending',
  });
  expect(await captures(id)).toBe(0);
  await fleet.restart('payment');
  await expect.poll(() => paymentState(id), soon).toBe('paid');
  expect(await captures(id)).toBe(1);
});

test('though the ride service is killed after the completion, and payment while it charges', async () => {
  const id = await started('pm_error_after_charge');
  await rides.completeRide({ rideId: id }, raider);
  await Promise.all([fleet.processes.ride.end('SIGKILL'), fleet.processes.payment.end('SIGKILL')]);
  await fleet.restart('payment');
  await fleet.restart('ride');
  await expect.poll(() => paymentState(id), soon).toBe('paid');
  expect(await captures(id)).toBe(1);
});
