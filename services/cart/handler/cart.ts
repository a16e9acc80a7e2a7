import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Carts } from '../domain/carts.ts';
import type { CartView, LineView } from '../domain/view.ts';

/** Implements CartService. The user comes from the token, except in the internal method. */
export function cartHandler(carts: Carts): ServiceImpl<typeof CartService> {
  return {
    getCart: async (_, { values }) => toMessage(await carts.get(userOf(values).subject)),
    addItem: async ({ productId, quantity }, { values }) =>
      toMessage(present(await carts.add(userOf(values).subject, productId.toLowerCase(), quantity))),
    updateItem: async ({ productId, quantity }, { values }) =>
      toMessage(present(await carts.update(userOf(values).subject, productId.toLowerCase(), quantity))),
    removeItem: async ({ productId }, { values }) =>
      toMessage(present(await carts.remove(userOf(values).subject, productId.toLowerCase()))),
    async clearCart(_, { values }) {
      await carts.clear(userOf(values).subject);
      return {};
    },
    async clearOrdered({ userId, orderId, lines }) {
      await carts.clearOrdered(userId, orderId, lines);
      return {};
    },
  };
}

function present(cart: CartView | undefined): CartView {
  if (!cart) throw invalidToken('its account was deleted');
  return cart;
}

function toMessage({ lines, total, updatedAt }: CartView) {
  return {
    lines: lines.map(toLine),
    ...(total ? { total } : {}),
    ...(updatedAt ? { updatedAt: timestampFromDate(updatedAt) } : {}),
  };
}

function toLine({ unitPrice, lineTotal, previousUnitPrice, ...line }: LineView) {
  return {
    ...line,
    ...(unitPrice ? { unitPrice } : {}),
    ...(lineTotal ? { lineTotal } : {}),
    ...(previousUnitPrice ? { previousUnitPrice } : {}),
  };
}
