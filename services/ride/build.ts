import { RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createChanges } from '#kit/db/changes.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { serveEvents } from '#kit/events/serve.ts';
import { createIdempotency } from '#kit/idempotency/idempotency.ts';
import { openJobs } from '#kit/jobs/jobs.ts';
import { amountOf } from '#kit/money/money.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import type { Statements } from '#kit/store/statements.ts';
import { every } from '#kit/work/work.ts';
import { createPayments } from './clients/payments.ts';
import { type Attempt, createCharging } from './domain/charging.ts';
import type { Tariff } from './domain/fares.ts';
import { createRides } from './domain/rides.ts';
import { rideHandler } from './handler/ride.ts';
import { ride } from './service.ts';
import { eraseRides } from './store/erasure.ts';
import { createRecordRides } from './store/events.ts';
import { createFareStore } from './store/fares.ts';
import { createRideStore, type Schedule } from './store/rides.ts';
import { changedChannel } from './store/rows.ts';

/** A charge whose outcome is unknown is asked for again with growing delays, for more than a week. */
const chargePolicy = { retries: 12_000, delay: 1, maxDelay: 60, timeout: 30 } as const;
/** Fares that a process charges at once. */
const chargers = 2;
/** Interval of looking for rides that expire, ms. */
const expireEvery = 1_000;

/** Wires the ride service. */
export async function build({ database, config, to, log, metrics }: ServiceDeps<typeof ride>): Promise<BuiltService> {
  const { statements: db } = database;
  const record = createRecordRides();
  const jobs = await openJobs<{ charge: Attempt }>(
    { database: config, service: ride.name, log, metrics },
    { charge: chargePolicy },
  );
  const schedule: Schedule = (tx, attempt, after) =>
    jobs.send(tx, 'charge', attempt, after === undefined ? {} : { after: new Date(database.clock.now() + after) });
  const store = createRideStore({ db, record, schedule, expiry: config.expiry });
  const payments = createPayments(to('payment'));
  const charge = createCharging({ store: createFareStore(db, schedule), charges: payments });
  await jobs.run('charge', chargers, ({ data }) => charge(data));
  const changes = createChanges(changedChannel);
  const idempotency = createIdempotency({ db, schema: ride.name });
  const erasure = createErasure({
    service: ride.name,
    db,
    auth: to('auth'),
    erase: (accountIds, tx: Statements) => idempotency.erase(tx, accountIds),
    finish: (accountId, signal) => eraseRides({ db, record }, accountId, signal),
    log,
  });
  const rides = createRides({ store, methods: payments, tariff: tariffOf(config) });
  return {
    mounted: [mount(RideService, rideHandler({ rides, idempotency, watch: changes.watch }))],
    work: [every('expire rides', expireEvery, store.expire), idempotency.work, erasure.work],
    followers: [erasure.follow(metrics)],
    heard: changes.heard,
    events: serveEvents({ db, schema: ride.name, produces: ride.produces, keep: config.eventsRetention }),
    close: jobs.close,
  };
}

function tariffOf({ farePerKm, fareMin, currency }: ServiceDeps<typeof ride>['config']): Tariff {
  return { perKm: amountOf(farePerKm, currency), min: amountOf(fareMin, currency) };
}
