import { createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Order, OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport as grpcChannel } from '#kit/transport/grpc-client.ts';
import { openShop, type Shop } from '../shop.ts';
import { openSystem, type Person, type System } from '../system.ts';

let system: System;
let shop: Shop;
let direct: Transport & { close(): void };
let transports: Record<string, Transport>;
beforeAll(async () => {
  system = await openSystem({ services: ['order'], env: { SIGNET_STREAM_LIMIT_ADDRESS: '100' } });
  shop = await openShop(system);
  direct = grpcChannel(system.targets['order']!, [OrderService]);
  transports = { 'the edge': createGrpcTransport({ baseUrl: system.edge }), 'the service': direct };
});
afterAll(async () => {
  direct.close();
  await system.close();
});

/** The orders of a stream, and how it ended. */
function watch(transport: Transport, { access }: Person, orderId: string) {
  const seen: Order[] = [];
  const client = createClient(OrderService, transport);
  const stream = client.watchOrder({ orderId }, { headers: { authorization: `Bearer ${access}` } });
  const ended = (async () => {
    try {
      for await (const order of stream) seen.push(order);
      return 'ended';
    } catch (error) {
      return reasonOf(error);
    }
  })();
  return { states: () => seen.map(({ state }) => state), ended };
}

/** The messages and the error of server-sent events. */
function eventsOf(text: string): { data: object[]; error?: { code: string } } {
  const events = text.split('\n\n').filter((part) => part.includes('data: '));
  const parse = (part: string) => JSON.parse(part.slice(part.indexOf('data: ') + 6));
  const failed = events.find((part) => part.startsWith('event: error'));
  return {
    data: events.filter((part) => part !== failed).map(parse),
    ...(failed === undefined ? {} : { error: parse(failed) }),
  };
}

test.each(['the edge', 'the service'])(
  'a watcher at %s sees every state, and the stream ends after the last',
  async (at) => {
    const ada = await shop.customer([await shop.product(), 1]);
    const placing = shop.place(ada, { payment_method: 'pm_timeout_then_ok' });
    const orders = async () => (await system.rest('GET', '/orders', { token: ada.access })).json.orders;
    await expect.poll(async () => (await orders()).length).toBe(1);
    const [{ id }] = await orders();
    const { states, ended } = watch(transports[at]!, ada, id);
    await placing;
    await system.rest('POST', `/orders/${id}:ship`, { token: shop.admin, body: {} });
    await system.rest('POST', `/orders/${id}:deliver`, { token: shop.admin, body: {} });
    expect(await ended).toBe('ended');
    expect(['pending', 'reserved', 'paid', 'confirmed', 'shipped', 'delivered'].slice(-states().length)).toEqual(
      states(),
    );
    expect(states().length).toBeGreaterThanOrEqual(4);
  },
);

test('the stream of an order at its end has one message, also as server-sent events', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { json } = await shop.place(ada);
  const cancelled = await system.rest('POST', `/orders/${json.id}:cancel`, { token: ada.access, body: {} });
  const { text, headers } = await system.rest('GET', `/orders/${json.id}:watch`, { token: ada.access });
  expect(headers.get('content-type')).toContain('text/event-stream');
  expect(eventsOf(text)).toEqual({ data: [cancelled.json] });
});

test('a watcher sees the request to cancel before the refund', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { id } = (await shop.place(ada)).json;
  const { states, ended } = watch(direct, ada, id);
  await expect.poll(states).toEqual(['confirmed']);
  await system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} });
  expect(await ended).toBe('ended');
  expect(states()).toEqual(expect.arrayContaining(['confirmed', 'refunded']));
});

/** A customer with an order that is watched, and what ends the customer's session. */
async function watched() {
  const ada = await shop.customer([await shop.product(), 1]);
  const { id } = (await shop.place(ada)).json;
  const logOut = async () =>
    (await system.rest('POST', '/auth/logout', { body: { refresh_token: ada.refresh } })).status;
  return { ada, id, logOut };
}

test.each(['the edge', 'the service'])('a stream at %s ends with its session', async (at) => {
  const { ada, id, logOut } = await watched();
  const { states, ended } = watch(transports[at]!, ada, id);
  await expect.poll(states).toEqual(['confirmed']);
  expect(await logOut()).toBe(200);
  expect(await ended).toBe('INVALID_TOKEN');
});

test('server-sent events end with the session', async () => {
  const { ada, id, logOut } = await watched();
  const rest = system.rest('GET', `/orders/${id}:watch`, { token: ada.access });
  expect(await logOut()).toBe(200);
  const { text, status, json } = await rest;
  // The session may end before the stream begins.
  const { data, error } = status === 200 ? eventsOf(text) : { data: [{}], error: json };
  expect([data.length, error?.code]).toEqual([1, 'INVALID_TOKEN']);
});

test('50 watchers of one order see its end', async () => {
  const ada = await shop.customer([await shop.product(), 1]);
  const { id } = (await shop.place(ada)).json;
  const streams = Array.from({ length: 50 }, () => watch(direct, ada, id));
  await expect.poll(() => streams.every(({ states }) => states().length === 1)).toBe(true);
  await system.rest('POST', `/orders/${id}:cancel`, { token: ada.access, body: {} });
  expect(new Set(await Promise.all(streams.map(({ ended }) => ended)))).toEqual(new Set(['ended']));
  expect(new Set(streams.map(({ states }) => states().at(-1)))).toEqual(new Set(['refunded']));
});
