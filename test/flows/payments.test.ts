import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { MoneySchema } from '#gen/proto/signet/type/v1/money_pb.ts';
import { connection } from '#kit/db/database.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type Answer, openSystem, type Person, type System } from '../system.ts';

let system: System;
let ada: Person;
let support: Person;
const origin = 'https://shop.example.com';
beforeAll(async () => {
  system = await openSystem({
    services: ['user', 'payment'],
    env: { SIGNET_PAYMENT_TIMEOUT: '1s', SIGNET_CORS_ORIGINS: origin },
  });
  ada = await system.person();
  support = await system.staff('support');
});
afterAll(() => system.close());

const euro = (units: string, nanos = 0) => ({ currency_code: 'EUR', units, ...(nanos ? { nanos } : {}) });
const body = { amount: euro('12', 340_000_000), payment_method: 'pm_card_ok', description: 'Repair of a bicycle' };

function pay(changes: object = {}, options: { path?: string; headers?: Record<string, string>; token?: string } = {}) {
  const { path = '/payments', headers = {}, token = ada.access } = options;
  return system.rest('POST', path, { token, body: { ...body, ...changes }, headers });
}
const get = (id: string, token = ada.access) => system.rest('GET', `/payments/${id}`, { token });
const refund = (id: string, json: object = {}, token = support.access) =>
  system.rest('POST', `/payments/${id}:refund`, { token, body: json });

test.each(['/payments', '/charge', '/pay'])('POST %s answers 201 with the payment', async (path) => {
  const { status, json } = await pay({}, { path });
  expect([status, json]).toEqual([
    201,
    {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      user_id: ada.id,
      state: 'succeeded',
      amount: body.amount,
      refunded_amount: { currency_code: 'EUR', units: '0', nanos: 0 },
      payment_method: 'pm_card_ok',
      description: body.description,
      order_id: '',
      failure_code: '',
      created_at: expect.any(String),
      updated_at: expect.any(String),
    },
  ]);
});

test('a declined payment is 402 PAYMENT_DECLINED with its id, and is kept', async () => {
  const { status, json } = await pay({ payment_method: 'pm_card_declined' });
  expect(status).toBe(402);
  expect(json).toMatchObject({ code: 'PAYMENT_DECLINED', title: 'The payment was declined.' });
  expect((await get(json.metadata.payment_id)).json).toMatchObject({ state: 'failed', failure_code: 'card_declined' });
});

test.each(['pm_timeout_then_ok', 'pm_error_after_charge'])('%s ends with one succeeded payment', async (method) => {
  const { status, json } = await pay({ payment_method: method });
  expect(status).toBe(201);
  await expect.poll(async () => (await get(json.id)).json.state, { interval: 100 }).toBe('succeeded');
  const db = new Client(connection(system.database.url));
  await db.connect();
  const { rows } = await db.query('SELECT state FROM payment_sandbox.charges WHERE key = $1', [json.id]);
  await db.end();
  expect(rows).toEqual([{ state: 'captured' }]);
});

describe('limits of a payment', () => {
  test.each([
    ['the smallest amount', { amount: euro('0', 10_000_000) }],
    ['an amount in yen', { amount: { currency_code: 'JPY', units: '500' } }],
    ['no payment method', { payment_method: '' }],
    ['a description of 200 characters', { description: 'ä'.repeat(200) }],
    ['no description', { description: '' }],
  ])('%s is accepted', async (_, changes) => {
    expect((await pay(changes)).status).toBe(201);
  });

  test.each([
    ['no amount', { amount: undefined }, 'amount'],
    ['an amount of 0', { amount: euro('0') }, 'amount'],
    ['a negative amount', { amount: euro('-1') }, 'amount'],
    ['a tenth of a cent', { amount: euro('1', 1_000_000) }, 'amount'],
    ['a tenth of a yen', { amount: { currency_code: 'JPY', units: '1', nanos: 100_000_000 } }, 'amount'],
    ['an unknown currency', { amount: { currency_code: 'ABC', units: '1' } }, 'amount.currency_code'],
    ['a currency in lower case', { amount: { currency_code: 'eur', units: '1' } }, 'amount.currency_code'],
    ['more units than an int64', { amount: euro('9223372036854775808') }, 'amount.units'],
    ['an unknown payment method', { payment_method: 'pm_unknown' }, 'payment_method'],
    ['a payment method of 65 characters', { payment_method: 'p'.repeat(65) }, 'payment_method'],
    ['a payment method with a space', { payment_method: 'pm card' }, 'payment_method'],
    ['a description of 201 characters', { description: 'ä'.repeat(201) }, 'description'],
    ['a description with NUL', { description: '\0' }, 'description'],
  ])('%s is refused', async (_, changes, field) => {
    const { status, json } = await pay(changes);
    expect([status, json.code]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(json.errors.map((error: { field: string }) => error.field)).toContain(field);
  });
});

test('a user sees only their own payments; support and admins see all', async () => {
  const eve = await system.person();
  const { json: made } = await pay({}, { token: eve.access });
  expect((await get(made.id, eve.access)).json).toEqual(made);
  expect((await get(made.id)).status).toBe(404);
  const own = await system.rest('GET', '/payments', { token: eve.access });
  expect(own.json).toEqual({ payments: [made], next_page_token: '' });
  expect((await system.rest('GET', `/admin/payments/${made.id}`, { token: support.access })).json).toEqual(made);
  const list = await system.rest('GET', `/admin/payments?user_id=${eve.id}&state=succeeded`, { token: support.access });
  expect(list.json.payments).toEqual([made]);
  for (const path of ['/admin/payments', `/admin/payments/${made.id}`]) {
    const { status, json } = await system.rest('GET', path, { token: ada.access });
    expect([status, json.code]).toEqual([403, 'INSUFFICIENT_SCOPE']);
  }
  expect((await refund(made.id, {}, ada.access)).status).toBe(403);
});

test('lists are paged, newest first, and refuse an unknown state and a foreign token', async () => {
  const bob = await system.person();
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.unshift((await pay({}, { token: bob.access })).json.id);
  const page = (query: string) => system.rest('GET', `/payments?${query}`, { token: bob.access });
  const first = await page('page_size=2');
  const second = await page(`page_size=2&page_token=${first.json.next_page_token}`);
  const third = await page(`page_size=2&page_token=${second.json.next_page_token}`);
  const seen = [first, second, third].flatMap(({ json }) => json.payments.map(({ id }: { id: string }) => id));
  expect(seen).toEqual(ids);
  expect(third.json.next_page_token).toBe('');
  expect((await page('page_size=100')).status).toBe(200);
  for (const query of ['page_size=101', 'page_size=-1', 'page_token=x']) expect((await page(query)).status).toBe(400);
  const all = (query: string) => system.rest('GET', `/admin/payments?${query}`, { token: support.access });
  expect((await all('state=paid')).status).toBe(400);
  expect((await all('order_id=x')).status).toBe(400);
  expect((await all(`page_token=${first.json.next_page_token}`)).status).toBe(400);
});

test('support gives back a part, and then what is left', async () => {
  const { json: made } = await pay();
  const part = await refund(made.id, { amount: euro('2', 340_000_000), reason: 'r'.repeat(500) });
  expect([part.status, part.json.state]).toEqual([200, 'partially_refunded']);
  expect(part.json.refunded_amount).toEqual(euro('2', 340_000_000));
  const past = await refund(made.id, { amount: euro('10', 10_000_000) });
  expect([past.status, past.json.code]).toEqual([409, 'REFUND_TOO_LARGE']);
  const rest = await refund(made.id);
  expect([rest.status, rest.json.state, rest.json.refunded_amount]).toEqual([200, 'refunded', body.amount]);
  expect((await refund(made.id)).json.code).toBe('REFUND_TOO_LARGE');
  expect((await refund(randomUUID())).status).toBe(404);
  expect((await refund(made.id, { reason: 'r'.repeat(501) })).status).toBe(400);
});

describe('Idempotency-Key', () => {
  const header = (key: string) => ({ 'idempotency-key': key });
  const replayed = ({ headers }: Answer) => headers.get('idempotent-replayed');

  test('50 requests at once make one payment, and get the same bytes', async () => {
    const headers = header(randomUUID());
    const answers = await Promise.all(Array.from({ length: 50 }, () => pay({}, { headers })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter((answer) => replayed(answer) === 'true')).toHaveLength(49);
  });

  test('the first response is repeated, also on another path and after the payment has changed', async () => {
    const headers = header(randomUUID());
    const first = await pay({}, { headers });
    await refund(first.json.id);
    const second = await pay({}, { headers, path: '/charge' });
    expect([second.status, second.text, replayed(second)]).toEqual([201, first.text, 'true']);
    expect(replayed(first)).toBeNull();
  });

  test('another body is IDEMPOTENCY_KEY_REUSED; the order of members does not count', async () => {
    const headers = header(randomUUID());
    await pay({}, { headers });
    const other = await pay({ description: 'another' }, { headers });
    expect([other.status, other.json.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    const { amount, ...rest } = body;
    const reordered = { ...rest, amount: { nanos: amount.nanos, units: 12, currencyCode: 'EUR' } };
    const same = await system.rest('POST', '/payments', { token: ada.access, body: reordered, headers });
    expect([same.status, replayed(same)]).toEqual([201, 'true']);
  });

  test('a declined payment is repeated with its id; a refusal of the request is not kept', async () => {
    const headers = header(randomUUID());
    expect((await pay({ payment_method: 'pm_unknown' }, { headers })).status).toBe(400);
    const first = await pay({ payment_method: 'pm_card_declined' }, { headers });
    const second = await pay({ payment_method: 'pm_card_declined' }, { headers });
    expect([first.status, second.status]).toEqual([402, 402]);
    expect(second.json).toEqual({ ...first.json, request_id: second.json.request_id });
    expect([replayed(first), replayed(second)]).toEqual([null, 'true']);
  });

  test('a key has 1 to 255 characters, and belongs to its user', async () => {
    const longest = header('k'.repeat(255));
    const eve = await system.person();
    expect((await pay({}, { headers: longest })).status).toBe(201);
    const others = await pay({ description: 'another' }, { headers: longest, token: eve.access });
    expect([others.status, replayed(others)]).toEqual([201, null]);
    for (const key of ['k'.repeat(256), 'a b', '']) {
      const { status, json } = await pay({}, { headers: header(key) });
      expect([status, json?.errors?.[0]?.field], key).toEqual([400, 'Idempotency-Key']);
    }
  });

  test.each([
    ['Connect', createConnectTransport],
    ['gRPC-Web', createGrpcWebTransport],
    ['gRPC', createGrpcTransport],
  ] as const)('works over %s', async (_, transport) => {
    const client = createClient(PaymentService, transport({ baseUrl: system.edge, httpVersion: '2' }));
    const amount = create(MoneySchema, { currencyCode: 'EUR', units: 1n });
    const headers = { authorization: `Bearer ${ada.access}`, ...header(randomUUID()) };
    const seen: (string | null)[] = [];
    const call = (paymentMethod: string) =>
      client.createPayment(
        { amount, paymentMethod },
        { headers, onHeader: (given) => void seen.push(given.get('idempotent-replayed')) },
      );
    const first = await call('');
    expect(await call('')).toEqual(first);
    expect(seen).toEqual([null, 'true']);
    expect(await call('pm_card_ok').catch(reasonOf)).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('pages of allowed origins may send the key and read Idempotent-Replayed', async () => {
    const preflight = await system.rest('OPTIONS', '/payments', {
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'idempotency-key' },
    });
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('idempotency-key');
    const answer = await pay({}, { headers: { origin } });
    expect(answer.headers.get('access-control-expose-headers')).toContain('Idempotent-Replayed');
  });
});

test('a deleted account leaves its payments without user, description and payment method', async () => {
  const eve = await system.person();
  const { json: made } = await pay({}, { token: eve.access, headers: { 'idempotency-key': 'k' } });
  const deleted = await system.rest('DELETE', '/users/account', { token: eve.access });
  expect(deleted.status, deleted.text).toBe(204);
  const seen = async () => (await system.rest('GET', `/admin/payments/${made.id}`, { token: support.access })).json;
  await expect.poll(seen).toEqual({ ...made, user_id: '', description: '', payment_method: '' });
  const db = new Client(connection(system.database.url));
  await db.connect();
  const { rows } = await db.query('SELECT 1 FROM payment.idempotency_keys WHERE user_id = $1', [eve.id]);
  await db.end();
  expect(rows).toEqual([]);
});
