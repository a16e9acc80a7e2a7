import { assertCurrency } from '#kit/money/check.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { failure } from '../reasons.ts';
import { type Basket, basketOf, type CartLine, outOfStock, type Product } from './basket.ts';
import { isCountry } from './countries.ts';
import type { Address, Amount, Order, OrderWithHistory, State } from './order.ts';
import type { Failure } from './steps.ts';

/** Filters of a list of orders. */
export interface OrderFilter {
  readonly userId?: string;
  readonly state?: State;
}

/** A new order. */
export interface NewOrder extends Basket {
  readonly id: string;
  readonly userId: string;
  /** Empty for the payment provider's default. */
  readonly paymentMethod: string;
  readonly address: Address;
}

/** An order with what its saga has come to. */
export interface OrderProgress extends OrderWithHistory {
  /** Whether the saga has nothing left to do. */
  readonly rests: boolean;
  readonly failure: Failure | undefined;
  /** The products that were missing, comma-separated. */
  readonly productIds: string;
}

/**
 * Persistence port for orders. Each verb is one statement, or one transaction. With a user's id it finds only that user's
 * orders.
 */
export interface OrderStore {
  /**
   * Inserts an order with its first step, its event and the job that drives it. An order with that id stays as it is.
   * Returns false if the account was erased.
   */
  place(order: NewOrder): Promise<boolean>;
  find(id: string, userId?: string): Promise<OrderProgress | undefined>;
  page(filter: OrderFilter, query: PageQuery): Promise<readonly Order[]>;
  /**
   * Records that the customer cancels, unless that is recorded already or the order is shipped or at its end. If the
   * order is confirmed, its cancellation begins. Returns whether it was recorded.
   */
  requestCancel(id: string, userId: string, reason: string): Promise<boolean>;
  /** Ships a confirmed order that is not being cancelled. Returns whether it was. */
  ship(id: string, trackingCode: string): Promise<boolean>;
  /** Delivers a shipped order. Returns whether it was. */
  deliver(id: string): Promise<boolean>;
}

/** Port to the caller's cart. */
export interface Carts {
  /** @throws SERVICE_UNAVAILABLE, or the guard's refusal of the caller's token */
  ofCaller(): Promise<readonly CartLine[]>;
}

/** Port to the catalog's products. */
export interface Products {
  /** The known ones among the given products, in no order. @throws SERVICE_UNAVAILABLE */
  named(ids: readonly string[]): Promise<readonly Product[]>;
}

/** What a customer asks for. */
export interface Placing {
  readonly id: string;
  readonly userId: string;
  readonly paymentMethod: string;
  readonly address: Address;
  readonly expectedTotal: Amount | undefined;
}

/** The rules for orders. */
export interface Orders {
  /**
   * Orders what the caller's cart holds. If the order exists, it continues with that one. undefined: the account was
   * erased.
   * @throws INVALID_ARGUMENT, CART_EMPTY, PRICE_CHANGED, OUT_OF_STOCK, PAYMENT_DECLINED, and the errors of the ports
   */
  place(placing: Placing): Promise<OrderWithHistory | undefined>;
  /** @throws NOT_FOUND */
  read(id: string, userId?: string): Promise<OrderWithHistory>;
  list(filter: OrderFilter, page: PageRequest): Promise<Page<Order>>;
  /** @throws NOT_FOUND, ORDER_STATE */
  cancel(id: string, userId: string, reason: string): Promise<OrderWithHistory>;
  /** @throws NOT_FOUND, ORDER_STATE */
  ship(id: string, trackingCode: string): Promise<OrderWithHistory>;
  /** @throws NOT_FOUND, ORDER_STATE */
  deliver(id: string): Promise<OrderWithHistory>;
}

/** Creates the rules for orders. */
export function createOrders(deps: {
  readonly store: OrderStore;
  readonly carts: Carts;
  readonly products: Products;
  /** Drives an order's saga, and resolves when it rests, or after a few seconds. */
  readonly settle: (id: string) => Promise<void>;
}): Orders {
  const { store, carts, products, settle } = deps;

  async function read(id: string, userId?: string): Promise<OrderProgress> {
    const order = await store.find(id, userId);
    if (!order) throw failure('NOT_FOUND');
    return order;
  }

  async function basket(expectedTotal: Amount | undefined): Promise<Basket> {
    const cart = await carts.ofCaller();
    const found = cart.length > 0 ? await products.named(cart.map(({ productId }) => productId)) : [];
    return basketOf(cart, found, expectedTotal);
  }

  return {
    async place({ id, userId, paymentMethod, address, expectedTotal }) {
      if (!isCountry(address.countryCode)) throw unknownCountry();
      if (expectedTotal) assertCurrency('expected_total.currency_code', expectedTotal.currencyCode);
      // A repeated request finds the order of the first one, and a cart without its lines.
      if (!(await store.find(id, userId))) {
        const bought = await basket(expectedTotal);
        if (!(await store.place({ id, userId, paymentMethod, address, ...bought }))) return undefined;
      }
      await settle(id);
      return succeeded(await read(id));
    },
    read,
    list: (filter, page) =>
      readPage(
        page,
        ['orders', filter.userId ?? '', filter.state ?? ''],
        (query) => store.page(filter, query),
        ({ createdAt, id }) => [createdAt.toISOString(), id],
      ),
    async cancel(id, userId, reason) {
      await store.requestCancel(id, userId, reason);
      const order = await read(id, userId);
      if (!order.cancelRequestedAt) throw wrongState(order);
      if (order.rests) return order;
      await settle(id);
      return read(id, userId);
    },
    async ship(id, trackingCode) {
      const moved = await store.ship(id, trackingCode);
      return moved ? read(id) : refuseMove(await read(id));
    },
    async deliver(id) {
      const moved = await store.deliver(id);
      return moved ? read(id) : refuseMove(await read(id));
    },
  };
}

/** @throws the error of an order that has failed */
function succeeded(order: OrderProgress): OrderProgress {
  if (!order.rests || order.failure === undefined) return order;
  const metadata = { order_id: order.id };
  switch (order.failure) {
    case 'OUT_OF_STOCK':
      // A reservation that ran out names no product: all of them are missing.
      throw outOfStock(order.productIds || order.lines.map(({ productId }) => productId).join(), order.id);
    case 'PAYMENT_DECLINED':
      throw failure('PAYMENT_DECLINED', { metadata });
    case 'INVALID_ARGUMENT':
      throw failure('INVALID_ARGUMENT', {
        fields: [
          {
            field: 'payment_method',
            description: 'must be known to the payment provider',
            reason: 'UNKNOWN_PAYMENT_METHOD',
          },
        ],
        metadata,
      });
    default:
      // Cancelled meanwhile, by the customer or the clock: the order says so.
      return order;
  }
}

function refuseMove(order: OrderWithHistory): never {
  throw wrongState(order);
}

function wrongState({ id, state }: OrderWithHistory) {
  return failure('ORDER_STATE', { metadata: { order_id: id, state } });
}

function unknownCountry() {
  return failure('INVALID_ARGUMENT', {
    fields: [
      { field: 'address.country_code', description: 'must be a country of ISO 3166-1', reason: 'UNKNOWN_COUNTRY' },
    ],
  });
}

/**
 * Returns an order as it was at each entry of its history after the first `seen`, and as it is; for watchers, who are
 * shown every state even if several changes were made between two reads.
 */
export function sinceEntry(order: OrderWithHistory, seen: number): OrderWithHistory[] {
  const { history } = order;
  const passed = history.slice(seen, -1).map(({ state, at }, place) => ({
    ...order,
    state,
    updatedAt: at,
    history: history.slice(0, seen + place + 1),
  }));
  return [...passed, order];
}
