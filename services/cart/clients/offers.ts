import { createClient, type Transport } from '@connectrpc/connect';
import { CatalogService, type Product } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Offers } from '../domain/carts.ts';
import type { Offer } from '../domain/lines.ts';

/** Client of the catalog's products. */
export function createOffers(catalog: Transport): Offers {
  const client = createClient(CatalogService, catalog);
  return {
    async find(productIds) {
      if (productIds.length === 0) return [];
      try {
        const { products } = await client.batchGetProducts({ productIds: [...productIds] });
        return products.flatMap(toOffer);
      } catch (error) {
        throw translateUpstreamError(error);
      }
    },
  };
}

/** A product without a price cannot be sold. */
function toOffer({ id, name, price, stock, active }: Product): Offer[] {
  return price ? [{ id, name, price, stock, active }] : [];
}
