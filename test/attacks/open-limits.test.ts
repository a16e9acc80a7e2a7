import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createGrpcTransport as createChannel } from '#kit/transport/grpc-client.ts';
import { ask, openSystem, type System } from '../system.ts';
import { portOf } from './wire.ts';

const perAddress = { streams: 4, connections: 12 };
let system: System;
beforeAll(async () => {
  system = await openSystem({
    env: {
      SIGNET_STREAM_LIMIT: '5',
      SIGNET_STREAM_LIMIT_ADDRESS: String(perAddress.streams),
      SIGNET_CONNECTION_LIMIT: '100',
      SIGNET_CONNECTION_LIMIT_ADDRESS: String(perAddress.connections),
    },
  });
});
afterAll(() => system.close());

const channels: { close(): void }[] = [];
afterEach(() => {
  for (const one of channels.splice(0)) one.close();
});

/** Opens a stream. Resolves with `open` after its first message, or with the reason of the refusal. */
async function openStream(client: ReturnType<typeof healthOver>, stop: AbortController): Promise<string> {
  const messages = client.watch({}, { signal: stop.signal })[Symbol.asyncIterator]();
  try {
    const { done } = await messages.next();
    messages.next().catch(() => undefined);
    return done ? 'ended' : 'open';
  } catch (error) {
    return String(reasonOf(error));
  }
}

type Transport = Parameters<typeof createClient>[1];
const healthOver = (transport: Transport) => createClient(Health, transport);

describe('streams', () => {
  test.each<[string, () => Transport]>([
    ['Connect at the edge', () => createConnectTransport({ baseUrl: system.edge, httpVersion: '2' })],
    ['gRPC-Web at the edge', () => createGrpcWebTransport({ baseUrl: system.edge, httpVersion: '2' })],
    ['gRPC at the edge', () => createGrpcTransport({ baseUrl: system.edge })],
    ['gRPC at the public port of auth', () => createGrpcTransport({ baseUrl: system.auth })],
    ['gRPC at the user service', () => channel(system.userPort)],
  ])('%s: an address may open a limited number of streams, and a closed stream frees a place', async (_, over) => {
    const client = healthOver(over());
    const stops = Array.from({ length: perAddress.streams }, () => new AbortController());
    expect(await Promise.all(stops.map((stop) => openStream(client, stop)))).toEqual(stops.map(() => 'open'));
    expect(await openStream(client, new AbortController())).toBe('RATE_LIMITED');
    for (const stop of stops) stop.abort();
    const next = new AbortController();
    await expect.poll(() => openStream(client, next)).toBe('open');
    next.abort();
  });

  test('are limited in total, internal ones included', async () => {
    // The edge and the user service each watch revocations at the auth service: of 5 streams in total 3 remain, or 4
    // when they share one.
    const client = healthOver(channel(system.authGrpcPort));
    const stops = Array.from({ length: perAddress.streams }, () => new AbortController());
    const seen = await Promise.all(stops.map((stop) => openStream(client, stop)));
    expect(seen).toContain('open');
    expect(await openStream(client, new AbortController())).toBe('RATE_LIMITED');
    for (const stop of stops) stop.abort();
  });
});

function channel(port: number): Transport {
  const made = createChannel(`127.0.0.1:${port}`, [Health]);
  channels.push(made);
  return made;
}

describe('connections', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** Opens connections and returns how many are still open once the server has answered or closed each. */
  async function openConnections(port: number, count: number): Promise<number> {
    const opened = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
    sockets.push(...opened);
    await Promise.all(
      opened.map(async (socket) => {
        socket.on('error', () => undefined);
        // A response or a close shows that the server has handled the connection.
        socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
        await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined);
      }),
    );
    return opened.filter((socket) => !socket.destroyed).length;
  }

  test('of one address are limited, an extra one is closed, and a closed one frees a place', async () => {
    // Connections of earlier tests may be kept alive by fetch.
    const first = await openConnections(portOf(system.auth), perAddress.connections + 10);
    expect(first).toBeGreaterThan(perAddress.connections - 4);
    expect(first).toBeLessThanOrEqual(perAddress.connections);
    expect(system.logged()).toContain('connections over the limit were closed');
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect
      .poll(async () => (await ask(`${system.auth}/health`, 'GET').catch(() => ({ status: 0 }))).status)
      .toBe(200);
  });

  test('to a gRPC port have the same limit', async () => {
    const sessions = Array.from({ length: perAddress.connections + 10 }, () => {
      const session = connectHttp2(`http://127.0.0.1:${system.userPort}`);
      session.on('error', () => undefined);
      return session;
    });
    const closed = () => sessions.filter((session) => session.destroyed).length;
    await expect.poll(closed).toBeGreaterThanOrEqual(10);
    expect(closed()).toBeLessThan(16);
    for (const session of sessions) session.destroy();
  });
});
