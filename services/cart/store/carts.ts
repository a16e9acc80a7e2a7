import { livingOwners } from '#kit/erasure/owners.ts';
import { formatMoney, amountOf } from '#kit/money/money.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import type { CartStore, StoredCart } from '../domain/carts.ts';
import type { Line } from '../domain/lines.ts';

/** A line's row; without a product for a cart without lines. */
interface LineRow {
  readonly updatedAt: Date;
  readonly productId: string | null;
  readonly quantity: number;
  readonly currency: string;
  readonly price: string;
}

/**
 * Creates the cart store in PostgreSQL. A change is a transaction that first locks the owner's row, because limits concern
 * all lines of a cart: the next statement sees the changes that it waited for.
 */
export function createCartStore(db: Transactional) {
  /** Returns undefined without running the work if the account was deleted. */
  function change<T>(userId: string, work: (tx: Statements) => Promise<T>): Promise<T | undefined> {
    return db.$transaction(async (tx) => {
      const owners = await tx.$queryRaw<unknown[]>(livingOwners('cart', [userId]));
      return owners.length === 0 ? undefined : work(tx);
    });
  }

  return {
    read: (userId) => readCart(db, userId),
    putLine: (userId, lineOf) =>
      change(userId, async (tx) => {
        const { lines } = await readCart(tx, userId);
        const { productId, quantity, price } = lineOf(lines);
        await touch(tx, userId);
        await tx.$executeRaw`
          INSERT INTO cart.lines (user_id, product_id, quantity, currency, price)
          VALUES (${userId}::uuid, ${productId}::uuid, ${quantity}, ${price.currencyCode}, ${formatMoney(price)}::numeric)
          ON CONFLICT (user_id, product_id) DO UPDATE SET
            quantity = excluded.quantity, currency = excluded.currency, price = excluded.price`;
        return readCart(tx, userId);
      }),
    removeLine: (userId, productId) =>
      change(userId, async (tx) => {
        const removed = await tx.$executeRaw`
          DELETE FROM cart.lines WHERE user_id = ${userId}::uuid AND product_id = ${productId}::uuid`;
        if (removed > 0) await touch(tx, userId);
        return readCart(tx, userId);
      }),
    async clear(userId) {
      await change(userId, async (tx) => {
        const removed = await tx.$executeRaw`DELETE FROM cart.lines WHERE user_id = ${userId}::uuid`;
        if (removed > 0) await touch(tx, userId);
      });
    },
    async takeOffOnce(userId, orderId, pieces) {
      await change(userId, async (tx) => {
        const first = await tx.$executeRaw`
          INSERT INTO cart.cleared_orders (order_id, user_id) VALUES (${orderId}::uuid, ${userId}::uuid)
          ON CONFLICT (order_id) DO NOTHING`;
        if (first === 0) return;
        const changed = await tx.$executeRaw`
          WITH ordered AS (
            SELECT product_id, sum(quantity)::int AS quantity
            FROM unnest(
              ${pieces.map(({ productId }) => productId)}::uuid[], ${pieces.map(({ quantity }) => quantity)}::int[]
            ) AS o (product_id, quantity)
            GROUP BY product_id
          ),
          gone AS (
            DELETE FROM cart.lines l USING ordered o
            WHERE l.user_id = ${userId}::uuid AND l.product_id = o.product_id AND l.quantity <= o.quantity
            RETURNING l.product_id
          ),
          fewer AS (
            UPDATE cart.lines l SET quantity = l.quantity - o.quantity FROM ordered o
            WHERE l.user_id = ${userId}::uuid AND l.product_id = o.product_id AND l.quantity > o.quantity
            RETURNING l.product_id
          )
          UPDATE cart.carts SET updated_at = now()
          WHERE user_id = ${userId}::uuid AND (EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM fewer))`;
        return changed;
      });
    },
    /** Deletes the carts of erased accounts in the transaction that writes their tombstones. */
    async erase(userIds: readonly string[], tx: Statements): Promise<void> {
      const ids = [...userIds];
      await tx.$executeRaw`DELETE FROM cart.carts WHERE user_id = ANY (${ids}::uuid[])`;
      await tx.$executeRaw`DELETE FROM cart.cleared_orders WHERE user_id = ANY (${ids}::uuid[])`;
    },
  } satisfies CartStore & Record<string, unknown>;
}

async function touch(tx: Statements, userId: string): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO cart.carts (user_id) VALUES (${userId}::uuid) ON CONFLICT (user_id) DO UPDATE SET updated_at = now()`;
}

/** Reads a cart in one statement, so that lines and time agree. */
async function readCart(db: Pick<Transactional, '$queryRaw'>, userId: string): Promise<StoredCart> {
  const rows = await db.$queryRaw<LineRow[]>`
    SELECT c.updated_at AS "updatedAt", l.product_id AS "productId", l.quantity, l.currency, l.price::text AS price
    FROM cart.carts c LEFT JOIN cart.lines l ON l.user_id = c.user_id
    WHERE c.user_id = ${userId}::uuid ORDER BY l.n`;
  return { lines: rows.flatMap(toLine), updatedAt: rows[0]?.updatedAt };
}

function toLine({ productId, quantity, currency, price }: LineRow): Line[] {
  if (productId === null) return [];
  return [{ productId, quantity, price: amountOf(price, currency) }];
}
