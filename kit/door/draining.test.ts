import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { silentLog } from '#kit/log/log.ts';
import { createService } from '#kit/service/stack.ts';
import { noMetrics } from '#kit/telemetry/metrics.ts';
import { type Door, openDoor } from './door.ts';

// A door whose process has begun to stop.

let draining: AbortController;
let door: Door;
let url: string;
beforeEach(async () => {
  draining = new AbortController();
  const { signal } = draining;
  const ready = async () => undefined;
  const app = createService({
    mounted: [],
    checks: [],
    ready,
    draining: signal,
    reflection: false,
    log: silentLog,
    metrics: noMetrics,
  });
  door = await openDoor({ app, ready, draining: signal, log: silentLog, port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${door.port}`;
});
afterEach(() => door.close());

const healthPath = `/${Health.typeName}/Check`;
const check = () =>
  fetch(`${url}${healthPath}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });

test('is not ready, and says so over HTTP and in grpc.health.v1; it is alive', async () => {
  expect((await fetch(`${url}/ready`)).status).toBe(200);
  expect(await (await check()).json()).toEqual({ status: 'SERVING' });
  draining.abort();
  const ready = await fetch(`${url}/ready`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'not ready', missing: 'draining' }]);
  expect(await (await check()).json()).toEqual({ status: 'NOT_SERVING' });
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test('asks HTTP/1.1 clients to close their connections, and serves new ones', async () => {
  expect((await fetch(`${url}/health`)).headers.get('connection')).toBe('keep-alive');
  draining.abort();
  for (let times = 0; times < 3; times++) {
    const { status, headers } = await fetch(`${url}/health`);
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
  }
});

/** The status of a request on an HTTP/2 connection. */
async function statusOn(session: ClientHttp2Session): Promise<number | undefined> {
  const stream = session.request({ ':path': '/health' });
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  stream.resume();
  return headers[':status'];
}

test('sends GOAWAY on HTTP/2 connections, and serves new ones until it closes', async () => {
  const old = connect(url);
  expect(await statusOn(old)).toBe(200);
  const goaway = once(old, 'goaway');
  draining.abort();
  expect((await goaway)[0]).toBe(0);
  const later = connect(url);
  expect(await statusOn(later)).toBe(200);
  const gone = once(later, 'goaway');
  await Promise.all([gone, door.close()]);
  await expect(fetch(`${url}/health`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

test('closes while connections keep arriving, too', async () => {
  const closed = new AbortController();
  let opened = 0;
  const arriving = (async () => {
    while (!closed.signal.aborted) {
      const socket = connectTcp(door.port, '127.0.0.1', () => void socket.resetAndDestroy());
      socket.on('error', () => undefined);
      opened += 1;
      await new Promise(setImmediate);
    }
  })();
  await door.close();
  closed.abort();
  await arriving;
  expect(opened).toBeGreaterThan(10);
});

test('answers the requests of connections that wait while it closes, and refuses later ones', async () => {
  const answers = Array.from({ length: 50 }, async () => (await fetch(`${url}/health`)).status);
  // The connections of all are under way.
  await new Promise(setImmediate);
  const closed = door.close();
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  await closed;
});
