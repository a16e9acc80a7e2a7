import { defineStates, type StateOf } from '#kit/states/states.ts';
import { failure } from '../reasons.ts';

/**
 * The states of a reservation. A released one may never have held stock: then it is the tombstone of a release or a
 * commit that came before, which refuses the late reservation.
 */
export const reservationStates = defineStates(
  {
    reserved: ['committed', 'released', 'expired'],
    committed: ['released'],
    released: [],
    expired: [],
  },
  ['reserved', 'released'],
);

/** The state of a reservation. */
export type ReservationState = StateOf<typeof reservationStates>;

/** A number of pieces of a product. */
export interface StockLine {
  readonly productId: string;
  readonly quantity: number;
}

/** A reservation. */
export interface Reservation {
  readonly state: ReservationState;
  readonly expiresAt: Date;
  /** Whether it has lapsed: it is past `expiresAt`, by the clock of the database. */
  readonly isLapsed: boolean;
  readonly productIds: readonly string[];
}

/** Result of a reservation: it is made, products are short, or the order id has a reservation already. */
export type Reserved = { readonly expiresAt: Date } | { readonly short: readonly string[] } | 'known';

/** Persistence port for reservations. Every method is atomic, and concurrent ones cannot deadlock. */
export interface ReservationStore {
  /** Takes all lines off the stock, or none. @param lines each product once @param life ms */
  reserveOnce(orderId: string, lines: readonly StockLine[], life: number): Promise<Reserved>;
  find(orderId: string): Promise<Reservation | undefined>;
  /** Makes a reservation final. Returns false if it is not held. */
  commit(orderId: string): Promise<boolean>;
  /** Puts the stock back. Returns false if there is nothing to put back. */
  release(orderId: string): Promise<boolean>;
  /** Inserts a released reservation without stock. Returns false if the order id has a reservation. */
  buryOnce(orderId: string): Promise<boolean>;
  /**
   * Expires lapsed reservations and puts their stock back.
   * @param productIds only reservations of these products; all by default
   * @returns the number of reservations
   */
  expireLapsed(productIds?: readonly string[]): Promise<number>;
}

/** The rules for reservations. */
export interface Reservations {
  /**
   * Returns when the reservation expires; undefined if it is committed.
   * @throws OUT_OF_STOCK
   */
  reserve(orderId: string, lines: readonly StockLine[]): Promise<Date | undefined>;
  /** @throws OUT_OF_STOCK if the reservation is not held any more, or never was */
  commit(orderId: string): Promise<void>;
  release(orderId: string): Promise<void>;
}

/** Creates the rules for reservations. @param life time until a reservation expires, ms */
export function createReservations(store: ReservationStore, life: number): Reservations {
  async function commit(orderId: string): Promise<void> {
    if (await store.commit(orderId)) return;
    // The caller turns its order back when this is refused. A reservation that arrives later must not hold stock.
    if (await store.buryOnce(orderId)) throw outOfStock([]);
    const found = await store.find(orderId);
    if (found?.state === 'committed') return;
    // It was made since the first look.
    if (found?.state === 'reserved' && !found.isLapsed) return commit(orderId);
    throw outOfStock(found?.productIds ?? []);
  }

  return {
    commit,
    async reserve(orderId, lines) {
      const wanted = merge(lines);
      let made = await store.reserveOnce(orderId, wanted, life);
      // Lapsed reservations may hold what is missing until the sweep.
      if (isShort(made) && (await store.expireLapsed(made.short)) > 0) {
        made = await store.reserveOnce(orderId, wanted, life);
      }
      if (isShort(made)) throw outOfStock(made.short);
      if (made !== 'known') return made.expiresAt;
      const found = await store.find(orderId);
      if (found?.state === 'committed') return undefined;
      if (found?.state === 'reserved' && !found.isLapsed) return found.expiresAt;
      throw outOfStock(wanted.map(({ productId }) => productId));
    },
    async release(orderId) {
      if (await store.release(orderId)) return;
      if (await store.buryOnce(orderId)) return;
      // It was made since the first look, or the stock is back already.
      await store.release(orderId);
    },
  };
}

function isShort(made: Reserved): made is { readonly short: readonly string[] } {
  return made !== 'known' && 'short' in made;
}

function outOfStock(productIds: readonly string[]) {
  return failure('OUT_OF_STOCK', productIds.length > 0 ? { metadata: { product_ids: productIds.join(',') } } : {});
}

/** Adds up the quantities of each product. */
function merge(lines: readonly StockLine[]): StockLine[] {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of lines) {
    const id = productId.toLowerCase();
    quantities.set(id, (quantities.get(id) ?? 0) + quantity);
  }
  return [...quantities].map(([productId, quantity]) => ({ productId, quantity }));
}
