import { OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import { follow } from '#kit/events/follow.ts';
import { serveEvents } from '#kit/events/serve.ts';
import { createIdempotency } from '#kit/idempotency/idempotency.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { createCarts, createProducts } from './clients/shop.ts';
import { createOrders } from './domain/orders.ts';
import type { SagaDeps } from './domain/saga.ts';
import { openDriving, type Times, usualTimes } from './driving.ts';
import { orderHandler } from './handler/order.ts';
import { order } from './service.ts';
import { createEffects, type Effects } from './store/effects.ts';
import { createStateEvents } from './store/events.ts';

/** Parts of the service that tests replace, for example to end the process at a point of the saga. */
export interface Replaced {
  readonly times?: Partial<Times>;
  readonly saga?: (deps: SagaDeps, db: Transactional) => SagaDeps;
  readonly effects?: (effects: Effects, db: Transactional) => Effects;
}

/** Wires the order service. */
export const build = buildWith({});

/** Returns a `build` with replaced parts. For tests. */
export function buildWith({ times, saga = (deps) => deps, effects: effectsOf = (effects) => effects }: Replaced) {
  return async (deps: ServiceDeps<typeof order>): Promise<BuiltService> => {
    const { database, config, to, log, metrics } = deps;
    const { statements: db } = database;
    const events = createStateEvents();
    const driving = await openDriving(deps, {
      db,
      events,
      times: { ...usualTimes, ...times },
      change: (parts) => saga(parts, db),
    });
    const { store, drivers, changes } = driving;
    const orders = createOrders({
      store,
      carts: createCarts(to('cart')),
      products: createProducts(to('catalog')),
      settle: drivers.settle,
    });
    const idempotency = createIdempotency({ db, schema: order.name });
    const effects = effectsOf(createEffects(events), db);
    const erasure = createErasure({
      service: order.name,
      db,
      auth: to('auth'),
      async erase(userIds, tx: Statements) {
        await effects.erase(tx, userIds);
        await idempotency.erase(tx, userIds);
      },
      log,
    });
    const payments = follow({
      consumer: order.name,
      source: 'payment',
      transport: to('payment'),
      types: order.consumes.payment,
      db,
      async apply(happened, tx: Statements) {
        for (const { message } of happened) await effects.ofPayment(tx, message);
      },
      log,
      metrics,
    });
    return {
      mounted: [mount(OrderService, orderHandler({ orders, idempotency, watch: changes.watch }))],
      work: [idempotency.work, erasure.work],
      followers: [erasure.follow(metrics), payments],
      heard: changes.heard,
      events: serveEvents({
        db,
        schema: order.name,
        produces: order.produces,
        keep: config.eventsRetention,
      }),
      close: driving.close,
    };
  };
}
