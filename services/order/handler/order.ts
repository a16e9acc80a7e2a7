import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { OrderSchema, type Order as OrderMessage, OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import type { Watched } from '#kit/db/changes.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Idempotency } from '#kit/idempotency/idempotency.ts';
import { watching } from '#kit/service/watching.ts';
import { isFinal, type Order, type OrderWithHistory, type State } from '../domain/order.ts';
import { type OrderFilter, type Orders, sinceEntry } from '../domain/orders.ts';
import { failure } from '../reasons.ts';

/**
 * Implements OrderService: converts messages for the domain and back. The customer comes from the token, never from the
 * request.
 */
export function orderHandler(deps: {
  readonly orders: Orders;
  readonly idempotency: Pick<Idempotency, 'once'>;
  readonly watch: (id: string) => Watched;
}): ServiceImpl<typeof OrderService> {
  const { orders, idempotency, watch } = deps;

  async function list(filter: OrderFilter, page: Parameters<Orders['list']>[1]) {
    const { items, nextPageToken } = await orders.list(filter, page);
    return { orders: items.map((order) => toMessage(order)), nextPageToken };
  }

  return {
    placeOrder: (request, context) =>
      idempotency.once(OrderService.method.placeOrder, request, context, async (id) => {
        const { paymentMethod, address, expectedTotal } = request;
        // The contract requires it.
        if (!address) throw failure('INVALID_ARGUMENT');
        const userId = userOf(context.values).subject;
        const placing = { id, userId, paymentMethod, address: plain(address), expectedTotal };
        const placed = await orders.place(placing);
        if (!placed) throw invalidToken('its account was deleted');
        return toMessage(placed);
      }),
    listOrders: ({ state, ...page }, { values }) => list({ userId: userOf(values).subject, ...stateOf(state) }, page),
    getOrder: async ({ orderId }, { values }) => toMessage(await orders.read(orderId, userOf(values).subject)),
    cancelOrder: async ({ orderId, reason = '' }, { values }) =>
      toMessage(await orders.cancel(orderId.toLowerCase(), userOf(values).subject, reason)),

    async *watchOrder({ orderId }, { values, signal }) {
      const { subject } = userOf(values);
      yield* watching(OrderSchema, {
        // Notifications name ids in lower case.
        watched: watch(orderId.toLowerCase()),
        read: () => orders.read(orderId, subject),
        since: (order, seen) => sinceEntry(order, seen.history.length),
        toMessage,
        isFinal: ({ state }) => isFinal(state),
        signal,
      });
    },

    shipOrder: async ({ orderId, trackingCode = '' }) => toMessage(await orders.ship(orderId, trackingCode)),
    deliverOrder: async ({ orderId }) => toMessage(await orders.deliver(orderId)),
    listAllOrders: ({ userId, state, ...page }) =>
      list({ ...(userId === '' ? {} : { userId }), ...stateOf(state) }, page),
    getAnyOrder: async ({ orderId }) => toMessage(await orders.read(orderId)),
  };
}

/** The contract allows no other states. */
function stateOf(state: string | undefined): { state?: State } {
  return state === undefined ? {} : { state: state as State };
}

function plain({ name, line1, line2, city, region, postalCode, countryCode }: Order['address']): Order['address'] {
  return { name, line1, line2, city, region, postalCode, countryCode };
}

function toMessage(order: Order | OrderWithHistory): OrderMessage {
  const { id, userId = '', state, total, address, paymentId = '', trackingCode, cancelRequestedAt } = order;
  const history = 'history' in order ? order.history : [];
  return create(OrderSchema, {
    id,
    userId,
    state,
    lines: [...order.lines],
    total,
    address,
    paymentId,
    trackingCode,
    ...(cancelRequestedAt ? { cancelRequestedAt: timestampFromDate(cancelRequestedAt) } : {}),
    createdAt: timestampFromDate(order.createdAt),
    updatedAt: timestampFromDate(order.updatedAt),
    history: history.map(({ at, ...entry }) => ({ ...entry, at: timestampFromDate(at) })),
  });
}
