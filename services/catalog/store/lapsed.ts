import { move } from '#kit/store/move.ts';
import { sql } from '#kit/store/sql.ts';
import type { Statements } from '#kit/store/statements.ts';
import { reservationStates } from '../domain/reservations.ts';

const expire = move(reservationStates, 'reserved', 'expired');

/** Reservations that one statement expires. More would hold locks of many products. */
const atOnce = 500;

/**
 * Adds the pieces of reservations to the stock. For the end of a WITH list whose `ended` has the order ids. Every statement
 * locks the reservations before the products, and several rows in the order of their ids, so that none can deadlock.
 */
export const putBack = sql`
  back AS (
    SELECT l.product_id, sum(l.quantity)::int AS quantity
    FROM catalog.reservation_lines l JOIN ended ON ended.order_id = l.order_id
    GROUP BY l.product_id
  ),
  locked AS (
    SELECT p.id, p.stock FROM catalog.products p
    WHERE p.id IN (SELECT product_id FROM back) ORDER BY p.id FOR NO KEY UPDATE
  ),
  restocked AS (
    UPDATE catalog.products p SET stock = locked.stock + back.quantity
    FROM locked JOIN back ON back.product_id = locked.id
    WHERE p.id = locked.id
  )
  SELECT order_id FROM ended`;

/**
 * Expires lapsed reservations and puts their stock back.
 * @param productIds only reservations of these products; all by default
 * @returns the number of reservations
 */
export async function expireLapsed(db: Statements, productIds?: readonly string[]): Promise<number> {
  const concerned =
    productIds === undefined
      ? sql`true`
      : sql`EXISTS (
          SELECT FROM catalog.reservation_lines l
          WHERE l.order_id = r.order_id AND l.product_id = ANY (${[...productIds]}::uuid[]))`;
  let expired = 0;
  for (;;) {
    const rows = await db.$queryRaw<unknown[]>`
      WITH due AS (
        SELECT r.order_id FROM catalog.reservations r
        WHERE r.state = 'reserved' AND r.expires_at <= now() AND ${concerned}
        ORDER BY r.order_id LIMIT ${atOnce} FOR NO KEY UPDATE
      ),
      ended AS (
        UPDATE catalog.reservations r SET ${expire.set} FROM due WHERE r.order_id = due.order_id AND r.${expire.where}
        RETURNING r.order_id
      ),
      ${putBack}`;
    expired += rows.length;
    if (rows.length < atOnce) return expired;
  }
}
