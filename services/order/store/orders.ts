import { livingOwners } from '#kit/erasure/owners.ts';
import { formatMoney } from '#kit/money/money.ts';
import { descending, keyset } from '#kit/store/keyset.ts';
import { type Move, move } from '#kit/store/move.ts';
import { join, type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { where } from '#kit/store/where.ts';
import { type Actor, cancellableStates, type State, states } from '../domain/order.ts';
import type { OrderStore } from '../domain/orders.ts';
import { cancelConfirmed, firstStep } from '../domain/steps.ts';
import type { StateEvents } from './events.ts';
import { linesJson, orderColumns, type OrderRow, progressColumns, toOrder, toProgress } from './rows.ts';
import { changedChannel } from './saga.ts';

const newestFirst = descending(['created_at', 'timestamptz'], ['id', 'uuid']);
const shipping = move(states, 'confirmed', 'shipped');
const delivering = move(states, 'shipped', 'delivered');

/** Adds the job that drives an order, in the transaction of its change. */
export type Schedule = (tx: Statements, orderId: string) => Promise<void>;

/**
 * Creates the store of orders in PostgreSQL. `place` and the erasure both lock the owner's row first, which decides
 * whether an order may be written.
 * @param options.deadline time after which the saga of a new order turns back, ms
 */
export function createOrderStore(options: {
  readonly db: Transactional;
  readonly events: StateEvents;
  readonly schedule: Schedule;
  readonly deadline: number;
}): OrderStore {
  const { db, events, schedule } = options;
  const deadline = options.deadline / 1_000;

  /** Moves an order by hand of support, with its history and its event. */
  async function moveByHand(id: string, { set, where: from }: Move, more: Sql, condition: Sql) {
    return db.$transaction(async (tx) => {
      const [row] = await tx.$queryRaw<OrderRow[]>`
        WITH o AS (
          UPDATE "order".orders SET ${set}, ${more} version = version + 1, updated_at = now()
          WHERE id = ${id}::uuid AND ${from} AND ${condition}
          RETURNING *
        ), entry AS (
          INSERT INTO "order".history (order_id, version, state, reason, actor)
          SELECT id, version, state, '', ${'support' satisfies Actor} FROM o
        )
        SELECT ${orderColumns} FROM o, pg_notify(${changedChannel}, o.id::text)`;
      if (!row) return false;
      const moved = toOrder(row);
      await events[moved.state]?.(tx, moved);
      return true;
    });
  }

  return {
    async place({ id, userId, lines, total, address, paymentMethod }) {
      return db.$transaction(async (tx) => {
        const [owner] = await tx.$queryRaw<object[]>(livingOwners('order', [userId]));
        if (!owner) return false;
        const placed = await tx.$executeRaw`
          WITH o AS (
            INSERT INTO "order".orders (id, user_id, lines, currency_code, total, address, payment_method, step, deadline)
            VALUES (${id}::uuid, ${userId}::uuid, ${linesJson(lines)}::jsonb, ${total.currencyCode},
              ${formatMoney(total)}::numeric, ${JSON.stringify(address)}::jsonb, ${paymentMethod}, ${firstStep},
              now() + make_interval(secs => ${deadline}))
            ON CONFLICT (id) DO NOTHING
            RETURNING id, version, state
          )
          INSERT INTO "order".history (order_id, version, state, reason, actor)
          SELECT id, version, state, '', ${'customer' satisfies Actor} FROM o`;
        if (placed === 0) return true;
        await events.pending?.(tx, { id, userId, total });
        await schedule(tx, id);
        return true;
      });
    },
    async find(id, userId) {
      const [row] = await db.$queryRaw<Parameters<typeof toProgress>[0][]>`
        SELECT ${progressColumns} FROM "order".orders AS o
        WHERE ${where([sql`id = ${id}::uuid`, userId !== undefined && sql`user_id = ${userId}::uuid`])}`;
      return row && toProgress(row);
    },
    async page({ userId, state }, { take, after }) {
      const wanted = where([
        userId !== undefined && sql`user_id = ${userId}::uuid`,
        state !== undefined && sql`state = ${state}`,
        keyset(newestFirst, after),
      ]);
      const rows = await db.$queryRaw<OrderRow[]>`
        SELECT ${orderColumns} FROM "order".orders AS o WHERE ${wanted} ORDER BY ${newestFirst.by} LIMIT ${take}`;
      return rows.map(toOrder);
    },
    async requestCancel(id, userId, reason) {
      const { step, failure } = cancelConfirmed;
      return db.$transaction(async (tx) => {
        const [row] = await tx.$queryRaw<{ begins: boolean }[]>`
          UPDATE "order".orders AS o SET
            cancel_requested_at = now(), cancel_reason = ${reason}, version = version + 1, updated_at = now(),
            step = CASE WHEN state = ${confirmed} THEN ${step} ELSE step END,
            failure = CASE WHEN state = ${confirmed} THEN ${failure} ELSE failure END
          WHERE id = ${id}::uuid AND user_id = ${userId}::uuid AND cancel_requested_at IS NULL
            AND state IN (${join([...cancellableStates])})
          RETURNING state = ${confirmed} AS begins`;
        if (!row) return false;
        await tx.$executeRaw`SELECT pg_notify(${changedChannel}, ${id})`;
        // The job of the order may have ended, because its saga was at rest.
        if (row.begins) await schedule(tx, id);
        return true;
      });
    },
    ship: (id, trackingCode) =>
      moveByHand(
        id,
        shipping,
        sql`tracking_code = ${trackingCode},`,
        sql`cancel_requested_at IS NULL AND NOT payment_refunded`,
      ),
    deliver: (id) => moveByHand(id, delivering, sql``, sql`true`),
  };
}

const confirmed: State = 'confirmed';
