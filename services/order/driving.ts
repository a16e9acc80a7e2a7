import { type Changes, createChanges } from '#kit/db/changes.ts';
import { openJobs } from '#kit/jobs/jobs.ts';
import type { ServiceDeps } from '#kit/service/service.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { createSagaCalls } from './clients/saga-calls.ts';
import type { OrderStore } from './domain/orders.ts';
import { createSaga, type SagaDeps } from './domain/saga.ts';
import { createDrivers, type Drivers } from './drivers.ts';
import { order } from './service.ts';
import type { StateEvents } from './store/events.ts';
import { createOrderStore, type Schedule } from './store/orders.ts';
import { changedChannel, createSagaStore } from './store/saga.ts';

/** The times of the saga, ms. */
export interface Times {
  /** How long a driver holds an order after its last move. Longer than the timeout of a call. */
  readonly hold: number;
  /** How long PlaceOrder and CancelOrder wait for the saga. */
  readonly wait: number;
  /** How long the process that placed an order drives it. */
  readonly patience: number;
  /** How long a job drives an order before it is retried, so that others get their turn. */
  readonly jobPatience: number;
}

/** The times of production. */
export const usualTimes: Times = { hold: 8_000, wait: 5_000, patience: 15_000, jobPatience: 3_000 };

/** The queues of the service. */
type Queues = { readonly saga: { readonly orderId: string } };

/** Jobs outlast any outage of a called service: two weeks at the longest delay. */
const sagaPolicy = { retries: 120_000, delay: 1, maxDelay: 10, timeout: 60 } as const;

/** Jobs that a process runs at once. They continue the orders of processes that ended. */
const workers = 4;

/** The store of orders, and what takes them through their saga. */
export interface Driving {
  readonly store: OrderStore;
  readonly changes: Changes;
  readonly drivers: Drivers;
  close(): Promise<void>;
}

/**
 * Opens the saga of the service. The process that changes an order drives it at once; a job, which is written in the
 * transaction of the change, continues the order if that process ends.
 * @param options.change changes the parts of the saga; for tests
 */
export async function openDriving(
  {
    database,
    config,
    to,
    log,
    metrics,
  }: Pick<ServiceDeps<typeof order>, 'database' | 'config' | 'to' | 'log' | 'metrics'>,
  options: {
    readonly db: Transactional;
    readonly events: StateEvents;
    readonly times: Times;
    readonly change: (deps: SagaDeps) => SagaDeps;
  },
): Promise<Driving> {
  const { db, events, change } = options;
  const { hold, wait, patience, jobPatience } = options.times;
  const jobs = await openJobs<Queues>({ database: config, service: order.name, log, metrics }, { saga: sagaPolicy });
  const schedule: Schedule = async (tx, orderId) => {
    await jobs.send(tx, 'saga', { orderId }, { after: new Date(database.clock.now() + hold) });
  };
  const changes = createChanges(changedChannel);
  const store = createOrderStore({ db, events, schedule, deadline: config.deadline });
  const drive = createSaga(
    change({
      store: createSagaStore({ db, events, hold }),
      calls: createSagaCalls({ catalog: to('catalog'), payment: to('payment'), cart: to('cart') }),
      async changed(id, ms, signal) {
        const watched = changes.watch(id);
        await watched.next(ms, signal).finally(() => watched.close());
      },
      onUnknown: (error, step, orderId) =>
        log.warn({ err: error, step, order: orderId }, 'the outcome of a call of the saga is unknown; it is repeated'),
      clock: () => new Date(database.clock.now()),
    }),
  );
  const drivers = createDrivers({
    drive,
    rests: async (id) => (await store.find(id))?.rests ?? true,
    watch: changes.watch,
    wait,
    patience,
    onError: (error, orderId) => log.warn({ err: error, order: orderId }, 'an order is left to its job'),
  });
  await jobs.run('saga', workers, async ({ data: { orderId }, signal }) => {
    const driven = await drive(orderId, jobPatience, signal);
    if (driven === 'busy') await schedule(db, orderId);
    if (driven === 'later') throw new Error(`the saga of order ${orderId} waits for a called service`);
  });
  return {
    store,
    changes,
    drivers,
    async close() {
      await Promise.all([drivers.close(), jobs.close()]);
    },
  };
}
