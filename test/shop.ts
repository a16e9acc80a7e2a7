import { expect } from 'vitest';
import type { Person, System } from './system.ts';

/** Money in proto3 JSON. */
export const euro = (units: string, nanos = 0) => ({ currency_code: 'EUR', units, nanos });

/** A valid address. */
export const address = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postal_code: 'SW1Y 4JH',
  country_code: 'GB',
};

/** What the tests of orders do in a shop. */
export interface Shop {
  /** The admin's token. */
  readonly admin: string;
  /** Creates a product and returns its id. */
  product(product?: { readonly stock?: number; readonly price?: object }): Promise<string>;
  /** The pieces of a product that can be bought now. */
  stockOf(productId: string): Promise<number>;
  /** Registers a customer whose cart has pieces of products. */
  customer(...products: readonly (readonly [productId: string, quantity: number])[]): Promise<Person>;
  /** Adds pieces to the cart of a customer. */
  add(customer: Person, productId: string, quantity: number): Promise<void>;
  place(customer: Person, body?: object, headers?: HeadersInit): ReturnType<System['rest']>;
  cart(customer: Person): Promise<readonly (readonly [productId: string, quantity: number])[]>;
  order(customer: Person, orderId: string): Promise<Order>;
  /** Resolves with the order once it has a state. */
  until(customer: Person, orderId: string, state: string): Promise<Order>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests assert the shape of an order
type Order = any;

/** Opens the shop of a system that runs the order service. */
export async function openShop(system: System): Promise<Shop> {
  const { rest } = system;
  const token = (await system.staff('admin')).access;
  let made = 0;
  const shop: Shop = {
    admin: token,
    async product({ stock = 1_000, price = euro('12', 340_000_000) } = {}) {
      const body = { sku: `sku-${(made += 1)}-${crypto.randomUUID()}`, name: 'A chain', price, stock };
      const { status, json, text } = await rest('POST', '/products', { token, body });
      expect(status, text).toBe(201);
      return json.id;
    },
    async stockOf(id) {
      return (await rest('GET', `/admin/products/${id}`, { token })).json.stock ?? 0;
    },
    async customer(...products) {
      const customer = await system.person();
      for (const [id, quantity] of products) await shop.add(customer, id, quantity);
      return customer;
    },
    async add({ access }, product_id, quantity) {
      const { status, text } = await rest('POST', '/cart/items', { token: access, body: { product_id, quantity } });
      expect(status, text).toBe(200);
    },
    place: ({ access }, body = {}, headers = {}) =>
      rest('POST', '/orders', { token: access, body: { address, ...body }, headers }),
    async cart({ access }) {
      const { lines = [] } = (await rest('GET', '/cart', { token: access })).json;
      return lines.map((line: { product_id: string; quantity: number }) => [line.product_id, line.quantity]);
    },
    async order({ access }, id) {
      return (await rest('GET', `/orders/${id}`, { token: access })).json;
    },
    async until(customer, id, state) {
      await expect
        .poll(async () => (await shop.order(customer, id)).state, { timeout: 60_000, interval: 100 })
        .toBe(state);
      return shop.order(customer, id);
    },
  };
  return shop;
}
