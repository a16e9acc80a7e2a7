// node test/faults/saga/replica.ts: a replica of the order service that ends or pauses itself at planted points of the saga
// (the table saga_test.bombs), and that leaves out the safeguard that MUTATION names.
import { setTimeout as sleep } from 'node:timers/promises';
import { runService } from '#kit/service/open.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { buildWith, type Replaced } from '../../../services/order/build.ts';
import type { SagaDeps } from '../../../services/order/domain/saga.ts';
import { steps, turnBefore } from '../../../services/order/domain/steps.ts';
import type { Effects } from '../../../services/order/store/effects.ts';
import { services } from '../../../services/registry.ts';
import { pauseMs, times } from './times.ts';

const mutation = process.env['MUTATION'] ?? '';

/** Ends or pauses the process if the order's customer has a bomb at the point. Each bomb works once. */
async function reachedBy(db: Transactional, point: string, orderId: string): Promise<void> {
  const [bomb] = await db.$queryRaw<{ kind: string }[]>`
    UPDATE saga_test.bombs b SET used_at = clock_timestamp() FROM "order".orders o
    WHERE o.id = ${orderId}::uuid AND b.user_id = o.user_id AND b.point = ${point} AND b.used_at IS NULL
    RETURNING b.kind`;
  if (bomb?.kind === 'kill') {
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  }
  if (bomb?.kind === 'pause') await sleep(pauseMs);
}

/** Decides at the pivot as before it. */
const turnAlways: typeof turnBefore = (order, now) =>
  turnBefore(order, now, { ...steps, confirm: { ...steps.confirm, pivot: false } });

/** Saves over whatever the row has become. */
function saveBlindly(store: SagaDeps['store'], db: Transactional): SagaDeps['store'] {
  return {
    ...store,
    async save(order, move) {
      const [row] = await db.$queryRaw<{ version: number }[]>`
        SELECT version FROM "order".orders WHERE id = ${order.id}::uuid`;
      return store.save({ ...order, version: row?.version ?? 0 }, move);
    },
  };
}

/** Applies effects after the cursor has moved, in another transaction. */
function outsideTheTransaction(effects: Effects, db: Transactional): Effects {
  return {
    ...effects,
    async ofPayment(_, payment) {
      setTimeout(() => {
        reachedBy(db, 'effect:before', payment.orderId)
          .then(() => db.$transaction((tx) => effects.ofPayment(tx, payment)))
          .catch(() => undefined);
      }, 2_000);
    },
  };
}

const replaced: Replaced = {
  times,
  saga: (deps, db) => ({
    ...deps,
    ...(mutation === 'pivot rule' ? { turn: turnAlways } : {}),
    ...(mutation === 'compare-and-set' ? { store: saveBlindly(deps.store, db) } : {}),
    reached: (point, orderId) => reachedBy(db, point, orderId),
  }),
  effects(effects, db) {
    if (mutation === 'cursor in the transaction') return outsideTheTransaction(effects, db);
    return {
      ...effects,
      async ofPayment(tx, payment) {
        await reachedBy(db, 'effect:before', payment.orderId);
        await effects.ofPayment(tx, payment);
        await reachedBy(db, 'effect:after', payment.orderId);
      },
    };
  },
};

await runService({ ...services.order, load: async () => buildWith(replaced) });
