import { createClient } from '@connectrpc/connect';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { Pool } from 'pg';
import { type Order, OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import { connection } from '#kit/db/database.ts';
import { infoOf, metadataOf } from '#kit/errors/error-info.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { createGrpcTransport } from '#kit/transport/grpc-client.ts';
import { openShop, type Shop } from '../../shop.ts';
import { openSystem, type Person, type System } from '../../system.ts';
import { allFaults } from './faults.ts';
import type { Plan } from './plans.ts';
import { type Replicas, startReplicas } from './replicas.ts';
import { deadlines, pauseMs } from './times.ts';

/** What came of a run. */
export interface Outcome {
  /** What is wrong; empty if nothing is. */
  readonly faults: readonly string[];
  readonly summary: string;
}

/** Customers at once. */
const atOnce = 12;

/** SQL of the tests' own tables: bombs, the stock of products at the start, and reservations that were ever committed. */
const tables = `
  CREATE SCHEMA saga_test;
  CREATE TABLE saga_test.bombs (user_id uuid, point text, kind text, used_at timestamptz);
  CREATE TABLE saga_test.products (id uuid, stock int);
  CREATE TABLE saga_test.committed (order_id uuid);
  CREATE FUNCTION saga_test.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO saga_test.committed VALUES (NEW.order_id); RETURN NEW; END $$;
  CREATE TRIGGER note AFTER UPDATE ON catalog.reservations
    FOR EACH ROW WHEN (NEW.state = 'committed') EXECUTE FUNCTION saga_test.note();`;

/**
 * Places orders at two replicas of the order service that are killed and paused as planned, waits until all orders are
 * final, and holds the database to account.
 * @param options.patience time for all orders to become final, ms
 * @param options.mutation a safeguard that the replicas leave out
 * @param options.sabotage SQL that removes a safeguard from the database
 */
export async function runSaga(options: {
  readonly plans: readonly Plan[];
  readonly patience: number;
  readonly mutation?: string;
  readonly sabotage?: string;
}): Promise<Outcome> {
  const { plans, patience, mutation = '', sabotage = '' } = options;
  const { key, publicKey } = generateServiceKey();
  const system = await openSystem({
    shape: 'one process',
    services: ['cart', 'catalog', 'payment'],
    env: { SIGNET_SERVICES: `order=${publicKey}`, SIGNET_PAYMENT_TIMEOUT: '500ms', SIGNET_ACCESS_TTL: '1h' },
  });
  const db = new Pool({ ...connection(system.database.url), max: 4 });
  let replicas: Replicas | undefined;
  try {
    await db.query(`${tables}; ${sabotage}`);
    const { targets, database } = system;
    const environment = {
      DATABASE_URL: database.url.reveal(),
      SIGNET_SERVICE_KEY: system.secret(key.reveal()),
      SIGNET_JWKS_URL: `${system.auth}/.well-known/jwks.json`,
      SIGNET_AUTH_TARGET: targets['auth'] ?? '',
      SIGNET_CART_TARGET: targets['cart'] ?? '',
      SIGNET_CATALOG_TARGET: targets['catalog'] ?? '',
      SIGNET_PAYMENT_TARGET: targets['payment'] ?? '',
      SIGNET_DATABASE_POOL: '10',
      MUTATION: mutation,
    };
    replicas = await startReplicas(deadlines.map((one) => ({ ...environment, SIGNET_ORDER_DEADLINE: one })));
    const until = Date.now() + patience;
    const shop = await openShop(system);
    const limit = pLimit(atOnce);
    const lost = await Promise.all(
      plans.map((plan) => limit(() => liveThrough(plan, { system, shop, db, replicas: replicas!, until }))),
    );
    while (Date.now() < until && ((await openOrders(db)) > 0 || (await arePaused(db)))) await sleep(200);
    const { faults, states } = await allFaults(db);
    const { rows } = await db.query<{ left: number }>(
      'SELECT count(*)::int AS left FROM saga_test.bombs WHERE used_at IS NULL',
    );
    return {
      faults: [...lost.flat(), ...faults],
      summary: `${plans.length} orders, ${replicas.kills()} kills, ${rows[0]?.left} bombs left, ${JSON.stringify(states)}`,
    };
  } finally {
    await replicas?.close();
    await db.end();
    await system.close();
  }
}

async function openOrders(db: Pool): Promise<number> {
  const { rows } = await db.query<{ open: number }>(
    'SELECT count(*)::int AS open FROM "order".orders WHERE step IS NOT NULL',
  );
  return rows[0]?.open ?? 0;
}

/** Whether a replica may still make a call that it keeps back. */
async function arePaused(db: Pool): Promise<boolean> {
  const { rowCount } = await db.query(
    `SELECT FROM saga_test.bombs WHERE kind = 'pause' AND used_at > clock_timestamp() - $1::int * interval '1 ms'`,
    [pauseMs + 2_000],
  );
  return rowCount !== 0;
}

interface Stage {
  readonly system: System;
  readonly shop: Shop;
  readonly db: Pool;
  readonly replicas: Replicas;
  readonly until: number;
}

/** One customer's order. Returns what was wrong with the answers. */
async function liveThrough(plan: Plan, stage: Stage): Promise<string[]> {
  const { system, shop, db, until } = stage;
  const place = plan.hurried ? 0 : 1;
  const stock = plan.short ? 1 : 10;
  const product = await shop.product({ stock });
  await db.query('INSERT INTO saga_test.products VALUES ($1, $2)', [product, stock]);
  const customer = await shop.customer([product, 2]);
  for (const { point, kind } of plan.bombs) {
    await db.query('INSERT INTO saga_test.bombs VALUES ($1, $2, $3, NULL)', [customer.id, point, kind]);
  }
  const placing = placeUntilAnswered(plan, place, customer, stage);
  if (typeof plan.cancel === 'number') {
    await sleep(plan.cancel);
    await cancel(place, customer, stage);
  }
  const answer = await placing;
  if (answer === undefined) return [`customer ${customer.id} got no answer`];
  if (plan.cancel === 'confirmed' || plan.refund) {
    while (Date.now() < until && (await stateOf(db, customer)) === 'pending') await sleep(100);
    await atRest(db, customer, until);
  }
  if (plan.cancel === 'confirmed') await cancel(place, customer, stage);
  if (plan.refund && (await stateOf(db, customer)) === 'confirmed') {
    const { rows } = await db.query('SELECT payment_id FROM "order".orders WHERE user_id = $1', [customer.id]);
    await system.rest('POST', `/payments/${rows[0].payment_id}:refund`, { token: shop.admin, body: {} });
    while (Date.now() < until && (await stateOf(db, customer)) !== 'refunded') await sleep(100);
  }
  await atRest(db, customer, until);
  const { rows } = await db.query('SELECT id, state FROM "order".orders WHERE user_id = $1', [customer.id]);
  const isCleared = (await shop.cart(customer)).length === 0;
  const wasConfirmed = (
    await db.query(`SELECT FROM "order".history WHERE order_id = $1 AND state = 'confirmed'`, [rows[0]?.id])
  ).rowCount;
  return [
    ...(answer === rows[0]?.id ? [] : [`customer ${customer.id} was answered with the order ${answer}`]),
    // A cancellation just after the confirmation may come before the cart is cleared.
    ...(isCleared && !wasConfirmed ? [`a failed order took the cart of customer ${customer.id}`] : []),
    ...(rows[0]?.state === 'confirmed' && !isCleared ? [`a confirmed order left the cart of ${customer.id}`] : []),
    ...(plan.refund && rows[0]?.state === 'confirmed'
      ? [`a refund by support left order ${rows[0].id} confirmed`]
      : []),
  ];
}

async function stateOf(db: Pool, { id }: Person): Promise<string | undefined> {
  return (await db.query<{ state: string }>('SELECT state FROM "order".orders WHERE user_id = $1', [id])).rows[0]
    ?.state;
}

async function atRest(db: Pool, { id }: Person, until: number): Promise<void> {
  const open = async () =>
    (await db.query('SELECT FROM "order".orders WHERE user_id = $1 AND step IS NOT NULL', [id])).rowCount !== 0;
  while (Date.now() < until && (await open())) await sleep(100);
}

/** Calls a replica, and the other one after an error that says nothing of the order. undefined: no answer in time. */
async function callUntilAnswered<T>(
  place: number,
  { replicas, until }: Stage,
  call: (client: ReturnType<typeof createClient<typeof OrderService>>) => Promise<T>,
  answerOf: (error: unknown) => T | undefined,
): Promise<T | undefined> {
  for (let attempt = place; Date.now() < until; attempt++) {
    const channel = createGrpcTransport(await replicas.target(attempt), [OrderService]);
    try {
      return await call(createClient(OrderService, channel));
    } catch (error) {
      const answer = answerOf(error);
      if (answer !== undefined) return answer;
      await sleep(100);
    } finally {
      channel.close();
    }
  }
  return undefined;
}

/** Places the order with an idempotency key until there is an answer. Returns the order's id. */
async function placeUntilAnswered(
  plan: Plan,
  place: number,
  customer: Person,
  stage: Stage,
): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${customer.access}`, 'idempotency-key': 'only-one' };
  const address = { name: 'Ada', line1: '1 Street', city: 'London', postalCode: '1', countryCode: 'GB' };
  return callUntilAnswered(
    place,
    stage,
    async (client) =>
      (await client.placeOrder({ paymentMethod: plan.method, address }, { headers, timeoutMs: 10_000 })).id,
    (error) => metadataOf(infoOf(error))['order_id'],
  );
}

/** Cancels the customer's order, if there is one, until there is an answer. */
async function cancel(place: number, customer: Person, stage: Stage): Promise<void> {
  const headers = { authorization: `Bearer ${customer.access}` };
  const { rows } = await stage.db.query('SELECT id FROM "order".orders WHERE user_id = $1', [customer.id]);
  if (rows.length === 0) return;
  await callUntilAnswered<Order | string>(
    place + 1,
    stage,
    (client) => client.cancelOrder({ orderId: rows[0].id }, { headers, timeoutMs: 10_000 }),
    (error) => (reasonOf(error) === 'ORDER_STATE' ? 'refused' : undefined),
  );
}
