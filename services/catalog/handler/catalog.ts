import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import type { Product, Products } from '../domain/products.ts';
import type { Reservations } from '../domain/reservations.ts';

/** Implements CatalogService. */
export function catalogHandler(deps: {
  readonly products: Products;
  readonly reservations: Reservations;
}): ServiceImpl<typeof CatalogService> {
  const { products, reservations } = deps;
  return {
    async listProducts(request) {
      // The only filter of the public list that a client cannot set.
      const { items, nextPageToken } = await products.list({ ...filterOf(request), active: true }, request);
      return { products: items.map(toMessage), nextPageToken };
    },
    getProduct: async ({ productId }) => toMessage(await products.get(productId)),
    async listAllProducts(request) {
      const { items, nextPageToken } = await products.list({ ...filterOf(request), active: request.active }, request);
      return { products: items.map(toMessage), nextPageToken };
    },
    getAnyProduct: async ({ productId }) => toMessage(await products.getAny(productId)),
    async createProduct({ sku, name, description, category, price, stock, imageUrl, active = true }) {
      const fields = { sku, name: name.trim(), description, category, stock, imageUrl, active };
      return toMessage(await products.create({ ...fields, price: required(price) }));
    },
    async updateProduct({ productId, name, description, category, price, imageUrl, active, updateMask }) {
      const set = { name: name?.trim(), description, category, price, imageUrl, active };
      return toMessage(await products.update(productId, set, updateMask?.paths));
    },
    setStock: async ({ productId, stock }) => toMessage(await products.setStock(productId, required(stock))),
    async batchGetProducts({ productIds }) {
      return { products: (await products.getMany(productIds)).map(toMessage) };
    },
    async reserveStock({ orderId, lines }) {
      const expiresAt = await reservations.reserve(orderId, lines);
      return expiresAt ? { expiresAt: timestampFromDate(expiresAt) } : {};
    },
    async commitReservation({ orderId }) {
      await reservations.commit(orderId);
      return {};
    },
    async releaseReservation({ orderId }) {
      await reservations.release(orderId);
      return {};
    },
  };
}

/** The filters that both lists have. */
interface FilterFields {
  readonly q?: string | undefined;
  readonly category?: string | undefined;
  readonly currencyCode?: string | undefined;
  readonly minPrice?: string | undefined;
  readonly maxPrice?: string | undefined;
  readonly orderBy?: string | undefined;
}

function filterOf({ q, category, currencyCode, minPrice, maxPrice, orderBy }: FilterFields): FilterFields {
  return { q, category, currencyCode, minPrice, maxPrice, orderBy };
}

function toMessage({ createdAt, updatedAt, ...product }: Product) {
  return { ...product, createdAt: timestampFromDate(createdAt), updatedAt: timestampFromDate(updatedAt) };
}

/** A field that validation has required. */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a required field is unset');
  return value;
}
