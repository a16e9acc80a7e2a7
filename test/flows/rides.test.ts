import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSystem, type Person, type System } from '../system.ts';

/** The bike taxi over REST: who may do what, and in which state. */

let system: System;
let user: Person;
let raider: Person;
beforeAll(async () => {
  system = await openSystem({ services: ['ride'] });
  [user, raider] = await Promise.all([system.person(), system.person('raider')]);
});
afterAll(() => system.close());

const station = { latitude: 52.5251, longitude: 13.3694, address: 'Hauptbahnhof' };
const square = { latitude: 52.5219, longitude: 13.4132, address: 'Alexanderplatz' };
const post = ({ access: token }: Person, path: string, body: object = {}) => system.rest('POST', path, { token, body });
const get = ({ access: token }: Person, path: string) => system.rest('GET', path, { token });
const booking = { pickup: station, dropoff: square };
async function book(by = user, body: object = booking) {
  const { status, json, text } = await post(by, '/rides', body);
  expect(status, text).toBe(201);
  return json;
}
async function started(by = user, at = raider) {
  const { id } = await book(by);
  await post(at, `/rides/${id}:accept`);
  expect((await post(at, `/rides/${id}:start`)).status).toBe(200);
  return id;
}
const codeOf = ({ status, json }: Awaited<ReturnType<typeof post>>) => `${status} ${json?.code ?? json?.state ?? ''}`;

describe('the walk-through', () => {
  test('a user books and a raider accepts; the other role is refused, and a broken or missing token is 401', async () => {
    const booked = await post(user, '/book', booking);
    expect(codeOf(booked)).toBe('201 requested');
    const refused = await post(raider, '/book', booking);
    expect(codeOf(refused)).toBe('403 INSUFFICIENT_SCOPE');
    expect(refused.json.detail).toBe('Needs the role user.');
    const body = { ride_id: booked.json.id };
    const byUser = await post(user, '/accept-booking', body);
    expect(codeOf(byUser)).toBe('403 INSUFFICIENT_SCOPE');
    expect(byUser.json.detail).toBe('Needs the role raider.');
    const accepted = await post(raider, '/accept-booking', body);
    expect(codeOf(accepted)).toBe('200 accepted');
    expect(accepted.json).toMatchObject({ user_id: user.id, raider_id: raider.id });
    expect(codeOf(await system.rest('POST', '/book', { body: booking }))).toBe('401 TOKEN_REQUIRED');
    const broken = `${user.access.slice(0, -4)}AAAA`;
    expect(codeOf(await system.rest('POST', '/book', { body: booking, token: broken }))).toBe('401 INVALID_TOKEN');
  });

  test('a ride goes from its booking to its completion, and its fare is paid', async () => {
    const ride = await book();
    expect(ride).toMatchObject({
      state: 'requested',
      user_id: user.id,
      raider_id: '',
      pickup: station,
      dropoff: square,
      estimated_fare: { currency_code: 'EUR', units: '3', nanos: 590_000_000 },
      distance_meters: 2985,
      payment_state: 'none',
      cancelled_by: '',
    });
    expect(ride).not.toHaveProperty('fare');
    await post(raider, `/rides/${ride.id}:accept`);
    await post(raider, `/rides/${ride.id}:start`);
    const position = { latitude: 52.523, longitude: 0 };
    expect((await post(raider, `/rides/${ride.id}:position`, position)).json).toEqual({});
    expect((await get(user, `/rides/${ride.id}`)).json).toMatchObject({ state: 'started', position });
    const { json: completed } = await post(raider, `/rides/${ride.id}:complete`);
    expect(completed).toMatchObject({ state: 'completed', fare: ride.estimated_fare });
    expect(Object.keys(completed)).toEqual(
      expect.arrayContaining(['requested_at', 'accepted_at', 'started_at', 'completed_at']),
    );
    for (const party of [user, raider]) {
      await expect.poll(async () => (await get(party, `/rides/${ride.id}`)).json.payment_state).toBe('paid');
    }
    const { json } = await get(user, '/payments');
    expect(json.payments[0]).toMatchObject({ order_id: ride.id, amount: ride.estimated_fare, state: 'succeeded' });
  });
});

describe('a booking', () => {
  test.each<[string, object, string]>([
    ['no pickup', { dropoff: square }, 'pickup'],
    ['an empty place', { pickup: {}, dropoff: square }, 'pickup.latitude'],
    ['no longitude', { pickup: { latitude: 0 }, dropoff: square }, 'pickup.longitude'],
    ['a latitude past the pole', { pickup: { ...station, latitude: 90.0001 }, dropoff: square }, 'pickup.latitude'],
    ['a longitude past 180', { pickup: station, dropoff: { ...square, longitude: -180.0001 } }, 'dropoff.longitude'],
    ['no number', { pickup: { ...station, latitude: 'NaN' }, dropoff: square }, 'pickup.latitude'],
    [
      'an address of 201 characters',
      { pickup: { ...station, address: 'a'.repeat(201) }, dropoff: square },
      'pickup.address',
    ],
    ['a payment method with a space', { ...booking, payment_method: 'a b' }, 'payment_method'],
    ['an unknown payment method', { ...booking, payment_method: 'pm_unheard_of' }, 'payment_method'],
  ])('with %s is refused, and the field is named', async (_, body, field) => {
    const answer = await post(user, '/rides', body);
    expect(codeOf(answer)).toBe('400 INVALID_ARGUMENT');
    expect(answer.json.errors[0].field).toBe(field);
  });

  test('at the limits is accepted; 0 is a latitude', async () => {
    const pickup = { latitude: 0, longitude: -180, address: 'a'.repeat(200) };
    const ride = await book(user, { pickup, dropoff: { latitude: -90, longitude: 180 }, payment_method: 'pm_card_ok' });
    expect(ride.pickup).toEqual(pickup);
    expect(ride.dropoff).toEqual({ latitude: -90, longitude: 180, address: '' });
    // A quarter of a great circle.
    expect(ride.distance_meters).toBe(10_007_557);
    expect(ride.estimated_fare).toEqual({ currency_code: 'EUR', units: '12009', nanos: 70_000_000 });
  });

  test('of no distance costs the minimum', async () => {
    const ride = await book(user, { pickup: station, dropoff: station });
    expect(ride).toMatchObject({ distance_meters: 0, estimated_fare: { units: '3', nanos: 0 } });
  });

  test('that is repeated with its key is made once, also by 20 at once', async () => {
    const send = () =>
      system.rest('POST', '/book', { token: user.access, body: booking, headers: { 'idempotency-key': 'twice' } });
    const answers = await Promise.all(Array.from({ length: 20 }, send));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const other = await system.rest('POST', '/book', {
      token: user.access,
      body: { ...booking, pickup: square },
      headers: { 'idempotency-key': 'twice' },
    });
    expect(codeOf(other)).toBe('409 IDEMPOTENCY_KEY_REUSED');
  });
});

describe('accepting', () => {
  test('by 100 at once has one winner, and 99 get RIDE_TAKEN', async () => {
    const raiders = await Promise.all(Array.from({ length: 100 }, () => system.person('raider')));
    const { id } = await book();
    const answers = await Promise.all(raiders.map((one) => post(one, `/rides/${id}:accept`)));
    const won = answers.findIndex(({ status }) => status === 200);
    expect(answers[won]?.json.raider_id).toBe(raiders[won]?.id);
    const lost = answers.filter((_, index) => index !== won);
    expect(new Set(lost.map(codeOf))).toEqual(new Set(['409 RIDE_TAKEN']));
    const again = await post(raiders[won]!, `/rides/${id}:accept`);
    expect(again.json).toEqual(answers[won]?.json);
  });

  test('needs a ride that is open', async () => {
    const expectRefused = async (id: string, code: string) =>
      expect(codeOf(await post(raider, `/rides/${id}:accept`)), code).toBe(code);
    await expectRefused('018f3e2a-7b1c-7def-8a12-3456789abcde', '404 NOT_FOUND');
    await expectRefused('1', '400 INVALID_ARGUMENT');
    const { id: cancelled } = await book();
    await post(user, `/rides/${cancelled}:cancel`);
    await expectRefused(cancelled, '409 RIDE_STATE');
    const completed = await started();
    await post(raider, `/rides/${completed}:complete`);
    await expectRefused(completed, '409 RIDE_STATE');
  });

  test('of the own booking is refused, also with both roles, who may do both otherwise', async () => {
    const both = await staffWith('raider');
    const own = await book(both);
    expect(codeOf(await post(both, `/rides/${own.id}:accept`))).toBe('409 RIDE_STATE');
    expect(codeOf(await post(raider, `/rides/${own.id}:accept`))).toBe('200 accepted');
    expect(codeOf(await post(both, `/rides/${own.id}:accept`))).toBe('409 RIDE_STATE');
    const { id } = await book();
    expect(codeOf(await post(both, `/rides/${id}:accept`))).toBe('200 accepted');
    const { json } = await get(both, '/rides');
    expect(json.rides.map((ride: { id: string }) => ride.id)).toEqual([id, own.id]);
  });
});

/** A person with the role user and one more. */
const staffWith = (role: string) => system.staff(role);

describe('the states', () => {
  test('are reached by the raider who accepted, in their order; repeated, the answer is the ride', async () => {
    const other = await system.person('raider');
    const { id } = await book();
    const move = (by: Person, verb: string) => post(by, `/rides/${id}:${verb}`).then(codeOf);
    expect(await move(raider, 'start')).toBe('404 NOT_FOUND');
    await move(raider, 'accept');
    expect(await move(raider, 'complete')).toBe('409 RIDE_STATE');
    expect(await move(other, 'start')).toBe('404 NOT_FOUND');
    expect([await move(raider, 'start'), await move(raider, 'start')]).toEqual(['200 started', '200 started']);
    expect(await move(raider, 'accept')).toBe('200 started');
    expect(await move(other, 'accept')).toBe('409 RIDE_TAKEN');
    expect(await move(user, 'cancel')).toBe('409 RIDE_STATE');
    expect(await move(other, 'complete')).toBe('404 NOT_FOUND');
    expect([await move(raider, 'complete'), await move(raider, 'complete')]).toEqual([
      '200 completed',
      '200 completed',
    ]);
    expect(await move(raider, 'start')).toBe('409 RIDE_STATE');
    expect(await move(raider, 'cancel')).toBe('409 RIDE_STATE');
  });

  test.each(['user', 'raider'] as const)('a ride that the %s cancels says so, with the reason', async (by) => {
    const party = by === 'user' ? user : raider;
    const other = by === 'user' ? raider : user;
    const { id } = await book();
    await post(raider, `/rides/${id}:accept`);
    const { status, json } = await post(party, `/rides/${id}:cancel`, { reason: 'A flat tyre' });
    expect([status, json.state, json.cancelled_by, json.cancel_reason]).toEqual([200, 'cancelled', by, 'A flat tyre']);
    expect((await post(party, `/rides/${id}:cancel`, { reason: 'Other' })).json).toEqual(json);
    expect(codeOf(await post(other, `/rides/${id}:cancel`))).toBe('409 RIDE_STATE');
    expect((await get(other, `/rides/${id}`)).json).toEqual(json);
  });

  test('a reason has at most 500 characters', async () => {
    const { id } = await book();
    const past = await post(user, `/rides/${id}:cancel`, { reason: 'a'.repeat(501) });
    expect(codeOf(past)).toBe('400 INVALID_ARGUMENT');
    expect(codeOf(await post(user, `/rides/${id}:cancel`, { reason: 'a'.repeat(500) }))).toBe('200 cancelled');
  });

  test('of 50 who accept and cancel at once, each sees a ride that was either, and both parties the same one', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await book();
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          index % 2 ? post(raider, `/rides/${id}:accept`) : post(user, `/rides/${id}:cancel`),
        ),
      );
      const { json } = await get(user, `/rides/${id}`);
      expect(json.state).toBe('cancelled');
      expect('accepted_at' in json).toBe(json.raider_id === raider.id);
    }
  });
});

describe('a position', () => {
  test('is taken of a started ride from its raider, once a second', async () => {
    const { id } = await book();
    await post(raider, `/rides/${id}:accept`);
    const first = { latitude: 1, longitude: 2 };
    expect(codeOf(await post(raider, `/rides/${id}:position`, first))).toBe('409 RIDE_STATE');
    await post(raider, `/rides/${id}:start`);
    expect(codeOf(await post(raider, `/rides/${id}:position`, { latitude: 1 }))).toBe('400 INVALID_ARGUMENT');
    expect(codeOf(await post(await system.person('raider'), `/rides/${id}:position`, first))).toBe('404 NOT_FOUND');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        post(raider, `/rides/${id}:position`, { latitude: index, longitude: 0 }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const { json } = await get(user, `/rides/${id}`);
    expect(json.position.longitude).toBe(0);
  });
});

describe('what others see', () => {
  test('a ride of others is not found', async () => {
    const { id } = await book();
    const stranger = await system.person();
    for (const [method, path] of [
      ['GET', `/rides/${id}`],
      ['GET', `/rides/${id}:watch`],
      ['POST', `/rides/${id}:cancel`],
    ] as const) {
      const answer = await system.rest(method, path, {
        token: stranger.access,
        ...(method === 'POST' ? { body: {} } : {}),
      });
      expect(answer.text, path).toContain('NOT_FOUND');
    }
    // A raider is no party before accepting.
    expect((await get(raider, `/rides/${id}`)).status).toBe(404);
  });

  test('lists have the own rides, newest first, by state and page; support sees all', async () => {
    const [ada, bob] = [await system.person(), await system.person('raider')];
    const rides: { id: string }[] = [];
    for (let count = 0; count < 5; count++) rides.unshift(await book(ada));
    for (const { id } of rides.slice(0, 2)) await post(bob, `/rides/${id}:accept`);
    const ids = ({ json }: Awaited<ReturnType<typeof get>>) => json.rides.map((ride: { id: string }) => ride.id);
    const all = rides.map(({ id }) => id);
    expect(ids(await get(ada, '/rides'))).toEqual(all);
    expect(ids(await get(bob, '/rides'))).toEqual(all.slice(0, 2));
    expect(ids(await get(ada, '/rides?state=requested'))).toEqual(all.slice(2));
    expect(codeOf(await get(ada, '/rides?state=flying'))).toBe('400 INVALID_ARGUMENT');
    const first = await get(ada, '/rides?page_size=3');
    expect(ids(first)).toEqual(all.slice(0, 3));
    expect(ids(await get(ada, `/rides?page_size=3&page_token=${first.json.next_page_token}`))).toEqual(all.slice(3));
    const support = await system.staff('support');
    const filter = `user_id=${ada.id}&raider_id=${bob.id}&state=accepted`;
    expect(ids(await get(support, `/admin/rides?${filter}`))).toEqual(all.slice(0, 2));
    expect((await get(support, `/admin/rides/${all[4]}`)).json.user_id).toBe(ada.id);
    expect(codeOf(await get(ada, '/admin/rides'))).toBe('403 INSUFFICIENT_SCOPE');
  });
});
