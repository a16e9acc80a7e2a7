import type { Statements, Transactional } from '#kit/store/statements.ts';
import { states } from '../domain/order.ts';
import type { SagaOrder, SagaStore } from '../domain/saga.ts';
import type { Move } from '../domain/steps.ts';
import type { StateEvents } from './events.ts';
import { sagaColumns, toSagaOrder } from './rows.ts';

type SagaRow = Parameters<typeof toSagaOrder>[0];

/** The channel on which PostgreSQL notifies the service's processes of changed orders. The payload is an order's id. */
export const changedChannel = 'signet_order_changed';

/**
 * Creates the store of the saga in PostgreSQL. A driver holds an order by two columns of its row, so that the hold of a
 * killed process ends by itself.
 * @param options.hold how long a driver holds an order after it has taken or moved it, ms
 */
export function createSagaStore(options: {
  readonly db: Transactional;
  readonly events: StateEvents;
  readonly hold: number;
}): SagaStore {
  const { db, events } = options;
  const hold = options.hold / 1_000;

  /** One statement: the move, its entry in the history, and the notification. */
  async function write(
    tx: Statements,
    { id, version, state }: SagaOrder,
    { reaches, ...change }: Move,
  ): Promise<SagaOrder | undefined> {
    const [to, actor, reason] = [reaches?.state ?? null, reaches?.actor ?? '', reaches?.reason ?? ''];
    const [step, failure, missing] = [change.step ?? null, change.failure ?? null, change.productIds ?? null];
    const [paymentId, captured] = [change.paymentId ?? null, change.captured ?? null];
    if (to !== null && !states.allows(state, to)) throw new Error(`no transition leads from "${state}" to "${to}"`);
    const [row] = await tx.$queryRaw<SagaRow[]>`
      WITH o AS (
        UPDATE "order".orders SET
          version = version + 1, step = ${step}, state = coalesce(${to}, state), failure = coalesce(${failure}, failure),
          missing = coalesce(${missing}, missing), payment_id = coalesce(${paymentId}::uuid, payment_id),
          captured = coalesce(${captured}, captured),
          updated_at = CASE WHEN ${to}::text IS NULL THEN updated_at ELSE now() END,
          driver = CASE WHEN ${step}::text IS NULL THEN NULL ELSE driver END,
          driven_until = clock_timestamp() + make_interval(secs => ${hold})
        WHERE id = ${id}::uuid AND version = ${version}
        RETURNING *
      ), entry AS (
        INSERT INTO "order".history (order_id, version, state, reason, actor)
        SELECT id, version, state, CASE WHEN ${actor} = 'customer' THEN cancel_reason ELSE ${reason} END, ${actor}
        FROM o WHERE ${to}::text IS NOT NULL
      )
      SELECT ${sagaColumns} FROM o, pg_notify(${changedChannel}, o.id::text)`;
    return row && toSagaOrder(row);
  }

  return {
    async take(id, driver) {
      const [row] = await db.$queryRaw<SagaRow[]>`
        UPDATE "order".orders AS o SET
          driver = ${driver}::uuid, driven_until = clock_timestamp() + make_interval(secs => ${hold})
        WHERE id = ${id}::uuid AND step IS NOT NULL
          AND (driver IS NULL OR driver = ${driver}::uuid OR driven_until < clock_timestamp())
        RETURNING ${sagaColumns}`;
      if (row) return toSagaOrder(row);
      const [other] = await db.$queryRaw<SagaRow[]>`
        SELECT ${sagaColumns} FROM "order".orders AS o WHERE id = ${id}::uuid`;
      if (!other) return undefined;
      return other.step === null ? toSagaOrder(other) : 'busy';
    },
    async save(order, change) {
      const { reaches } = change;
      const record = reaches && events[reaches.state];
      if (!record) return write(db, order, change);
      return db.$transaction(async (tx) => {
        const saved = await write(tx, order, change);
        if (saved) await record(tx, { ...saved, reason: reaches.reason });
        return saved;
      });
    },
    async release(id, driver) {
      await db.$executeRaw`
        UPDATE "order".orders SET driver = NULL, driven_until = NULL
        WHERE id = ${id}::uuid AND driver = ${driver}::uuid`;
    },
  };
}
