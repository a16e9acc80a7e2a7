import { failure } from '../reasons.ts';
import { addedLine, changedLine, type Line, type Offer } from './lines.ts';
import { type CartView, viewOf } from './view.ts';

/** A cart, as it is kept. */
export interface StoredCart {
  /** In the order of adding. */
  readonly lines: readonly Line[];
  /** Undefined if the cart was never used. */
  readonly updatedAt: Date | undefined;
}

/** A number of pieces of a product. */
export interface Pieces {
  readonly productId: string;
  readonly quantity: number;
}

/**
 * Persistence port for carts. Changes of one cart are made one after the other. Changes return undefined if the user's
 * account was deleted.
 */
export interface CartStore {
  read(userId: string): Promise<StoredCart>;
  /** Writes the line that a function returns for the current ones. Its error is thrown, and nothing is written. */
  putLine(userId: string, lineOf: (lines: readonly Line[]) => Line): Promise<StoredCart | undefined>;
  removeLine(userId: string, productId: string): Promise<StoredCart | undefined>;
  clear(userId: string): Promise<void>;
  /** Takes pieces off the cart, at most those that are there, and once for an order id. */
  takeOffOnce(userId: string, orderId: string, pieces: readonly Pieces[]): Promise<void>;
}

/** Port to the catalog. */
export interface Offers {
  /** Returns the known ones of at most 100 products, in one call. @throws SERVICE_UNAVAILABLE */
  find(productIds: readonly string[]): Promise<readonly Offer[]>;
}

/** The rules for carts. Views need the catalog. @throws SERVICE_UNAVAILABLE */
export interface Carts {
  get(userId: string): Promise<CartView>;
  /** @throws NOT_FOUND for an unknown or inactive product, and as `addedLine`. Undefined if the account was deleted. */
  add(userId: string, productId: string, quantity: number): Promise<CartView | undefined>;
  /** @throws NOT_FOUND if the cart has no such line. Undefined if the account was deleted. */
  update(userId: string, productId: string, quantity: number): Promise<CartView | undefined>;
  /** Undefined if the account was deleted. */
  remove(userId: string, productId: string): Promise<CartView | undefined>;
  clear(userId: string): Promise<void>;
  /** Takes an order off its user's cart, once. What was added since stays. */
  clearOrdered(userId: string, orderId: string, pieces: readonly Pieces[]): Promise<void>;
}

/** Creates the rules for carts. */
export function createCarts({ store, offers }: { readonly store: CartStore; readonly offers: Offers }): Carts {
  /** The products of the lines. Those that are known already are not asked for. */
  async function offersFor(
    lines: readonly Line[],
    known: ReadonlyMap<string, Offer> = new Map(),
  ): Promise<ReadonlyMap<string, Offer>> {
    const missing = lines.map(({ productId }) => productId).filter((id) => !known.has(id));
    if (missing.length === 0) return known;
    return new Map([...known, ...byId(await offers.find(missing))]);
  }

  async function view({ lines, updatedAt }: StoredCart, known?: ReadonlyMap<string, Offer>): Promise<CartView> {
    return viewOf(lines, await offersFor(lines, known), updatedAt);
  }

  /**
   * Changes a cart after asking the catalog for its products and one more. So nothing is changed while the catalog is away,
   * and the response needs no second call unless another change came between.
   */
  async function change(
    userId: string,
    productId: string,
    write: (offer: Offer | undefined) => Promise<StoredCart | undefined>,
  ): Promise<CartView | undefined> {
    const { lines } = await store.read(userId);
    const ids = new Set([productId, ...lines.map((line) => line.productId)]);
    // One call takes 100; a product behind a full cart is asked for first.
    const known = byId(await offers.find([...ids].slice(0, 100)));
    const changed = await write(known.get(productId));
    return changed && view(changed, known);
  }

  return {
    get: async (userId) => view(await store.read(userId)),
    add: (userId, productId, quantity) =>
      change(userId, productId, (offer) => {
        if (offer?.active !== true) throw failure('NOT_FOUND');
        return store.putLine(userId, (lines) => addedLine(lines, offer, quantity));
      }),
    update: (userId, productId, quantity) =>
      change(userId, productId, (offer) =>
        store.putLine(userId, (lines) => changedLine(lines, productId, quantity, offer)),
      ),
    remove: (userId, productId) => change(userId, productId, () => store.removeLine(userId, productId)),
    clear: store.clear,
    clearOrdered: store.takeOffOnce,
  };
}

function byId(offers: readonly Offer[]): ReadonlyMap<string, Offer> {
  return new Map(offers.map((offer) => [offer.id, offer]));
}
