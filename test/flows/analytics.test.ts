import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { run } from '../../cli/testing/run.ts';
import { openShop } from '../shop.ts';
import { openSystem, type Person, type System } from '../system.ts';

/** What happens in other services, and what clients track, in summaries over REST. */

let system: System;
let admin: Person;
beforeAll(async () => {
  system = await openSystem({ services: ['user', 'order', 'payment', 'analytics'] });
  admin = await system.staff('admin');
});
afterAll(() => system.close());

const soon = { timeout: 60_000, interval: 20 };
const day = 86_400_000;
const dateOf = (time: number) => new Date(time).toISOString().slice(0, 10);
const summary = (query = '', token = admin.access) =>
  // Yesterday and tomorrow, too, for tests at midnight.
  system.rest(
    'GET',
    `/admin/analytics/summary?from_date=${dateOf(Date.now() - day)}&to_date=${dateOf(Date.now() + day)}${query}`,
    { token },
  );
const totals = async () => (await summary()).json.totals;
const track = ({ access: token }: Person, events: unknown) =>
  system.rest('POST', '/analytics/events', { token, body: { events } });
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

test('registrations, sign-ins, payments and refunds are in the summary of their day', async () => {
  const ada = await system.person();
  // Three sign in; the first administrator is no signup.
  await expect.poll(totals, soon).toMatchObject({ signups: 2, logins: 3, active_users: 3 });
  const amount = { currency_code: 'EUR', units: '12', nanos: 340_000_000 };
  const body = { amount, description: 'Repair of a bicycle' };
  const { json: payment } = await system.rest('POST', '/payments', { token: ada.access, body });
  const yen = { amount: { currency_code: 'JPY', units: '500' }, description: 'Tea' };
  await system.rest('POST', '/payments', { token: ada.access, body: yen });
  const declined = { ...body, payment_method: 'pm_card_declined' };
  expect((await system.rest('POST', '/payments', { token: ada.access, body: declined })).status).toBe(402);
  for (const part of ['1', '2']) {
    const refund = { amount: { currency_code: 'EUR', units: part } };
    await system.rest('POST', `/payments/${payment.id}:refund`, { token: admin.access, body: refund });
  }
  const revenue = [
    { currency_code: 'EUR', units: '9', nanos: 340_000_000 },
    { currency_code: 'JPY', units: '500', nanos: 0 },
  ];
  await expect.poll(async () => (await totals()).revenue, soon).toEqual(revenue);
  const { status, json } = await summary();
  expect(status).toBe(200);
  expect(json.totals).toEqual({ signups: 2, logins: 3, active_users: 3, orders: 0, rides: 0, revenue });
  expect(json.days).toHaveLength(3);
  expect(json.days.map(({ date }: { date: string }) => date)).toEqual(
    [-1, 0, 1].map((n) => dateOf(Date.parse(json.days[1].date) + n * day)),
  );
  expect(json.days[2]).toEqual({
    date: json.days[2].date,
    signups: 0,
    logins: 0,
    active_users: 0,
    orders: 0,
    rides: 0,
    revenue: [],
  });
});

test('a confirmed order counts on its day, also after its refund, which takes its revenue back', async () => {
  const shop = await openShop(system);
  const franc = { currency_code: 'CHF', units: '20', nanos: 0 };
  const ada = await shop.customer([await shop.product({ price: franc }), 2]);
  const { status, json: order } = await shop.place(ada);
  expect([status, order.state]).toEqual([201, 'confirmed']);
  const francs = async () => {
    const { orders, revenue } = await totals();
    const found = revenue.find((one: typeof franc) => one.currency_code === 'CHF');
    return { orders, units: found?.units };
  };
  await expect.poll(francs, soon).toEqual({ orders: 1, units: '40' });
  await system.rest('POST', `/orders/${order.id}:cancel`, { token: ada.access, body: {} });
  await expect.poll(francs, soon).toEqual({ orders: 1, units: '0' });
});

test('a tracked event makes its user active on its day', async () => {
  const ada = await system.person();
  const from = dateOf(Date.now() - 4 * day);
  const active = async () => {
    const path = `/admin/analytics/summary?from_date=${from}&to_date=${from}`;
    return (await system.rest('GET', path, { token: admin.access })).json.totals.active_users;
  };
  expect(await active()).toBe(0);
  const noon = `${from}T12:00:00Z`;
  const { status, json } = await track(ada, [
    { name: 'product.viewed', occurred_at: noon, properties: { category: 'kitchen' } },
    { name: 'product.viewed', occurred_at: noon },
  ]);
  expect([status, json]).toEqual([200, { accepted: 2 }]);
  expect(await active()).toBe(1);
});

test('the user of an event comes from the token, and no field names another one', async () => {
  const ada = await system.person();
  const answer = await track(ada, [{ name: 'a', user_id: admin.id }]);
  expect([answer.status, answer.json.code]).toEqual([400, 'INVALID_ARGUMENT']);
  expect((await system.rest('POST', '/analytics/events', { body: { events: [] } })).json.code).toBe('TOKEN_REQUIRED');
});

test('only admins see summaries', async () => {
  const [ada, support] = [await system.person(), await system.staff('support')];
  for (const { access } of [ada, support]) {
    const { status, json } = await summary('', access);
    expect([status, json.code]).toEqual([403, 'INSUFFICIENT_SCOPE']);
  }
});

describe('limits of tracked events', () => {
  test('one that is not valid keeps the others out', async () => {
    const ada = await system.person();
    const from = dateOf(Date.now() - 5 * day);
    const good = { name: 'a', occurred_at: `${from}T12:00:00Z` };
    const bad = [
      { name: 'A' },
      { name: 'a', occurred_at: ago(7 * day + 60_000) },
      { name: 'a', occurred_at: ago(-6 * 60_000) },
      { name: 'a', properties: { k: 'v'.repeat(201) } },
    ];
    for (const one of bad) {
      const { status, json } = await track(ada, [good, one]);
      expect([status, json.code]).toEqual([400, 'INVALID_ARGUMENT']);
      expect(json.errors[0].field).toMatch(/^events\[1\]\./);
    }
    const path = `/admin/analytics/summary?from_date=${from}&to_date=${from}`;
    expect((await system.rest('GET', path, { token: admin.access })).json.totals.active_users).toBe(0);
  });

  test('100 events are accepted, 101 are not; none are', async () => {
    const ada = await system.person();
    const events = Array.from({ length: 101 }, () => ({ name: 'a', occurred_at: ago(7 * day - 60_000) }));
    expect((await track(ada, events.slice(1))).json).toEqual({ accepted: 100 });
    expect((await track(ada, events)).status).toBe(400);
    expect((await track(ada, [])).json).toEqual({ accepted: 0 });
  });

  test('a body of 1 MiB is accepted, one byte more is not', async () => {
    const { access: token } = await system.person();
    const properties = Object.fromEntries(Array.from({ length: 20 }, (_, key) => [`k${key}`, 'v'.repeat(200)]));
    const text = JSON.stringify({ events: Array.from({ length: 100 }, () => ({ name: 'a', properties })) });
    const send = (bytes: number) =>
      system.rest('POST', '/analytics/events', { token, body: `${text}${' '.repeat(bytes - text.length)}` });
    expect((await send(1_048_576)).json).toEqual({ accepted: 100 });
    expect((await send(1_048_577)).json).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
  });

  test('50 concurrent calls are all recorded', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => system.person()));
    const from = dateOf(Date.now() - 3 * day);
    const event = { name: 'a', occurred_at: `${from}T12:00:00Z` };
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => track(people[index % 5]!, [event])));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"accepted":1}']));
    const path = `/admin/analytics/summary?from_date=${from}&to_date=${from}`;
    expect((await system.rest('GET', path, { token: admin.access })).json.totals.active_users).toBe(5);
  });
});

test.each([
  ['from_date=2026-01-01&to_date=2027-01-01', 366],
  ['from_date=2026-03-29&to_date=2026-03-29&time_zone=Europe/Berlin', 1],
  ['from_date=2026-03-29&to_date=2026-03-30&time_zone=Asia/Kathmandu', 2],
])('%s has %d days', async (query, days) => {
  const { json } = await system.rest('GET', `/admin/analytics/summary?${query}`, { token: admin.access });
  expect(json.days).toHaveLength(days);
});

test.each([
  ['from_date=2026-01-01&to_date=2027-01-02', 'to_date'],
  ['from_date=2026-01-02&to_date=2026-01-01', 'to_date'],
  ['from_date=2026-02-29&to_date=2026-03-01', 'from_date'],
  ['from_date=2026-01-01', 'to_date'],
  ['to_date=2026-01-01', 'from_date'],
  ['from_date=2026-1-1&to_date=2026-01-01', 'from_date'],
  ['from_date=2026-01-01&to_date=2026-01-01&time_zone=Europe/Bonn', 'time_zone'],
  ['from_date=2026-01-01&to_date=2026-01-01&time_zone=PST', 'time_zone'],
])('%s is refused, naming %s', async (query, field) => {
  const { status, json } = await system.rest('GET', `/admin/analytics/summary?${query}`, { token: admin.access });
  expect([status, json.code, json.errors[0].field]).toEqual([400, 'INVALID_ARGUMENT', field]);
});

test('deleting an account changes no figure, and a rebuild makes the same', async () => {
  const ada = await system.person();
  await track(ada, [{ name: 'a', properties: { note: 'mine' } }]);
  const db = new Client(connection(system.database.url));
  await db.connect();
  const { rows } = await db.query(`SELECT count(*)::int AS logins FROM auth.events WHERE type = 'session.created'`);
  await db.end();
  await expect.poll(totals, soon).toMatchObject(rows[0]);
  const expected = (await summary()).json;
  expect((await system.rest('DELETE', '/users/account', { token: ada.access })).status).toBe(204);
  const confirmed = async () =>
    (await system.rest('GET', `/admin/erasures/${ada.id}`, { token: admin.access })).json.services.find(
      ({ service }: { service: string }) => service === 'analytics',
    );
  await expect.poll(confirmed, soon).toEqual({ service: 'analytics', done_at: expect.any(String) });
  expect((await summary()).json).toEqual(expected);
  const rebuilt = await run(['analytics', 'rebuild', '--json'], {
    environment: { DATABASE_URL: system.database.url.reveal() },
  });
  expect(rebuilt.exit, rebuilt.stderr).toBe(0);
  expect((await summary()).json).toEqual(expected);
});
