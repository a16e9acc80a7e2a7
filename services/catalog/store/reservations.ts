import { move, moveFromAny } from '#kit/store/move.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { type Reservation, reservationStates, type ReservationStore } from '../domain/reservations.ts';
import { expireLapsed, putBack } from './lapsed.ts';

const commit = move(reservationStates, 'reserved', 'committed');
const release = moveFromAny(reservationStates, 'released');

/** Ends a transaction without effect. */
class Short extends Error {
  readonly productIds: readonly string[];
  constructor(productIds: readonly string[]) {
    super('products are short');
    this.productIds = productIds;
  }
}

/** Creates the reservation store in PostgreSQL. */
export function createReservationStore(db: Transactional): ReservationStore {
  return {
    async reserveOnce(orderId, lines, life) {
      const productIds = lines.map(({ productId }) => productId);
      const quantities = lines.map(({ quantity }) => quantity);
      try {
        // In a transaction, because the reservation is inserted before the products are locked, as in putBack, and is
        // rolled back where products are short.
        return await db.$transaction(async (tx) => {
          const [made] = await tx.$queryRaw<{ expiresAt: Date }[]>`
            INSERT INTO catalog.reservations (order_id, state, expires_at)
            VALUES (${orderId}::uuid, 'reserved', now() + ${life}::float8 * interval '1 millisecond')
            ON CONFLICT (order_id) DO NOTHING
            RETURNING expires_at AS "expiresAt"`;
          if (!made) return 'known';
          const short = await tx.$queryRaw<{ productId: string }[]>`
            WITH wanted AS (
              SELECT product_id, quantity FROM unnest(${productIds}::uuid[], ${quantities}::int[]) AS w (product_id, quantity)
            ),
            locked AS (
              SELECT p.id, p.stock FROM catalog.products p
              WHERE p.id IN (SELECT product_id FROM wanted) AND p.active
              ORDER BY p.id FOR NO KEY UPDATE
            ),
            short AS (
              SELECT w.product_id FROM wanted w LEFT JOIN locked l ON l.id = w.product_id
              WHERE l.id IS NULL OR l.stock < w.quantity
            ),
            held AS (
              INSERT INTO catalog.reservation_lines (order_id, product_id, quantity)
              SELECT ${orderId}::uuid, product_id, quantity FROM wanted WHERE NOT EXISTS (SELECT FROM short)
              RETURNING product_id, quantity
            ),
            taken AS (
              -- From the locked row: p is the row as the statement began, until PostgreSQL sees that it has changed since.
              UPDATE catalog.products p SET stock = locked.stock - held.quantity
              FROM held JOIN locked ON locked.id = held.product_id
              WHERE p.id = locked.id
            )
            SELECT product_id AS "productId" FROM short`;
          if (short.length > 0) throw new Short(short.map(({ productId }) => productId));
          return made;
        });
      } catch (error) {
        if (error instanceof Short) return { short: error.productIds };
        throw error;
      }
    },
    async find(orderId) {
      const [found] = await db.$queryRaw<Reservation[]>`
        SELECT r.state, r.expires_at AS "expiresAt", r.expires_at <= now() AS "isLapsed",
          ARRAY(
            SELECT l.product_id::text FROM catalog.reservation_lines l WHERE l.order_id = r.order_id ORDER BY l.product_id
          ) AS "productIds"
        FROM catalog.reservations r WHERE r.order_id = ${orderId}::uuid`;
      return found;
    },
    async commit(orderId) {
      const committed = await db.$executeRaw`
        UPDATE catalog.reservations SET ${commit.set}
        WHERE order_id = ${orderId}::uuid AND ${commit.where} AND expires_at > now()`;
      return committed === 1;
    },
    async release(orderId) {
      const ended = await db.$queryRaw<unknown[]>`
        WITH ended AS (
          UPDATE catalog.reservations SET ${release.set}
          WHERE order_id = ${orderId}::uuid AND ${release.where}
          RETURNING order_id
        ),
        ${putBack}`;
      return ended.length === 1;
    },
    async buryOnce(orderId) {
      const buried = await db.$executeRaw`
        INSERT INTO catalog.reservations (order_id, state, expires_at) VALUES (${orderId}::uuid, 'released', now())
        ON CONFLICT (order_id) DO NOTHING`;
      return buried === 1;
    },
    expireLapsed: (productIds) => expireLapsed(db, productIds),
  };
}
