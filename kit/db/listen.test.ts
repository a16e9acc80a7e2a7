import { setTimeout } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from './database.ts';
import { silentLog } from '#kit/log/log.ts';
import { byPort, type FreshDatabase, freshDatabase, portOf } from '#kit/testing/postgres.ts';
import { openTcpProxy } from '#kit/testing/tcp-proxy.ts';
import { listen } from './listen.ts';

let fresh: FreshDatabase;
let teller: Client;
beforeAll(async () => {
  fresh = await freshDatabase();
  teller = new Client(connection(fresh.url));
  await teller.connect();
});
afterAll(async () => {
  await teller.end();
  await fresh.drop();
});

test('receives notifications on a new connection after a silent loss', async () => {
  const way = await openTcpProxy(portOf(fresh.url));
  let heard = 0;
  const url = byPort(fresh.url, way.port);
  const heardOf = listen({
    url,
    applicationName: 'listen-test',
    heard: { test_news: () => heard++ },
    log: silentLog,
    patience: 200,
  });
  await expect.poll(() => heard, { message: 'called after connecting' }).toBe(1);
  await teller.query('NOTIFY test_news');
  await expect.poll(() => heard).toBe(2);

  way.lose();
  await teller.query('NOTIFY test_news');
  await expect.poll(() => heard, { message: 'called after reconnecting' }).toBe(3);
  await teller.query('NOTIFY test_news');
  await expect.poll(() => heard).toBe(4);

  way.lose();
  await heardOf.close();
  await way.close();
});

test.each([0, 1, 2, 5, 10, 20])('closes at once, also %s ms after it began to connect', async (ms) => {
  const url = fresh.url;
  const heard = listen({ url, applicationName: 'listen-test', heard: { test_news: () => undefined }, log: silentLog });
  if (ms > 0) await setTimeout(ms);
  const began = performance.now();
  await heard.close();
  expect(performance.now() - began).toBeLessThan(4_000);
});
