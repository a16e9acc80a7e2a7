import { createClient, type Transport } from '@connectrpc/connect';
import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { CartLine, Product } from '../domain/basket.ts';
import type { Carts, Products } from '../domain/orders.ts';

/** Client of the caller's cart. The caller's token is forwarded automatically. */
export function createCarts(cart: Transport): Carts {
  const client = createClient(CartService, cart);
  return {
    async ofCaller() {
      try {
        const { lines } = await client.getCart({});
        return lines.map(({ productId, quantity, unitPrice, previousUnitPrice, problem }): CartLine => ({
          productId,
          quantity,
          unitPrice,
          hasNewPrice: previousUnitPrice !== undefined,
          isUnavailable: problem === 'unavailable',
        }));
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
  };
}

/** Client of the catalog's products. */
export function createProducts(catalog: Transport): Products {
  const client = createClient(CatalogService, catalog);
  return {
    async named(productIds) {
      try {
        const { products } = await client.batchGetProducts({ productIds: [...productIds] });
        return products.flatMap(({ id, sku, name, price, active: isActive }): Product[] =>
          price ? [{ id, sku, name, price, isActive }] : [],
        );
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
  };
}
