import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, openSystem, type Person, type System } from '../system.ts';

let system: System;
let token: string;
let adminId: string;
let ada: Person;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_SESSION_LIMIT: '1000' } });
  const { json } = await system.rest('POST', '/auth/login', { body: admin });
  [token, adminId] = [system.secret(json.access_token), json.user.id];
  ada = await system.person();
  for (let round = 0; round < 4; round++) {
    await system.rest('PUT', `/admin/users/${ada.id}/roles/support`, { token, body: {} });
    await system.rest('DELETE', `/admin/users/${ada.id}/roles/support`, { token });
  }
});
afterAll(() => system.close());

interface Event {
  actor_email: string;
  subject_email: string;
  id: string;
  kind: string;
  actor_id: string;
  subject_id: string;
  time: string;
}
const page = async (query: Record<string, string>) => {
  const { status, json, text } = await system.rest('GET', `/admin/audit?${new URLSearchParams(query)}`, { token });
  expect(status, text).toBe(200);
  return json as { events: Event[]; next_page_token: string };
};
/** All events, read in pages of the given size. */
async function every(query: Record<string, string>, size: number): Promise<Event[]> {
  const events: Event[] = [];
  for (let next = ''; ;) {
    const { events: some, next_page_token: more } = await page({
      ...query,
      page_size: String(size),
      ...(next === '' ? {} : { page_token: next }),
    });
    expect(some.length).toBeLessThanOrEqual(size);
    events.push(...some);
    if (more === '') return events;
    next = more;
  }
}

test('pages of any size return the whole list once, latest event first', async () => {
  const all = await every({ subject_id: ada.id }, 100);
  expect(all).toHaveLength(10);
  for (const size of [1, 3, 9, 10]) expect(await every({ subject_id: ada.id }, size), String(size)).toEqual(all);
  expect(all.map(({ id, time }) => `${time} ${id}`)).toEqual(
    all
      .map(({ id, time }) => `${time} ${id}`)
      .toSorted()
      .toReversed(),
  );
});

test('events have the current emails of accounts, and none of services, keys and deleted accounts', async () => {
  const emails = ({ actor_email, subject_email }: Event) => [actor_email, subject_email];
  const [granted] = await every({ subject_id: ada.id, kind: 'role_granted' }, 1);
  expect(emails(granted!)).toEqual([admin.email, ada.email]);
  const others = [...(await every({ kind: 'service_login' }, 100)), ...(await every({ kind: 'key_created' }, 100))];
  expect(others.map(emails)).toEqual(others.map(() => ['', '']));

  const grace = await system.person();
  const of = () => every({ subject_id: grace.id, kind: 'registered' }, 1);
  expect((await of()).map(({ subject_email }) => subject_email)).toEqual([grace.email]);
  expect((await system.rest('DELETE', '/users/account', { token: grace.access })).status).toBe(204);
  expect((await of()).map(emails)).toEqual([['', '']]);
});

test('filters are combined; from_time is inclusive, to_time exclusive', async () => {
  const all = await every({ subject_id: ada.id }, 100);
  const filter = { actor_id: adminId, subject_id: ada.id, kind: 'role_granted' };
  const granted = await every(filter, 1);
  expect(granted).toEqual(all.filter(({ kind }) => kind === 'role_granted'));
  expect(await every({ ...filter, actor_id: ada.id }, 10)).toEqual([]);
  const [last, , second] = granted as [Event, Event, Event];
  const within = await every({ ...filter, from_time: second.time, to_time: last.time }, 1);
  const expected = granted.filter(({ time }) => time >= second.time && time < last.time);
  expect(within).toEqual(expected);
  expect(within.map(({ id }) => id)).toContain(second.id);
  expect(within.map(({ id }) => id)).not.toContain(last.id);
  expect(await every({ ...filter, from_time: last.time, to_time: last.time }, 1)).toEqual([]);
});

test('while fifty clients add events, two readers verify the chain without faults and see no event twice', async () => {
  const written = new AbortController();
  const reader = async () => {
    let rounds = 0;
    while (!written.signal.aborted) {
      const { json } = await system.rest('GET', '/admin/audit:verify', { token });
      expect(json.faults).toEqual([]);
      const seen = (await every({ actor_id: adminId }, 20)).map(({ id }) => id);
      expect(new Set(seen).size).toBe(seen.length);
      rounds += 1;
    }
    return rounds;
  };
  const readers = [reader(), reader()];
  const users = await Promise.all(Array.from({ length: 10 }, () => system.person()));
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const { id } = users[index % 10]!;
      for (let round = 0; round < 4; round++) {
        await system.rest(round % 2 === 0 ? 'PUT' : 'DELETE', `/admin/users/${id}/roles/support`, {
          token,
          ...(round % 2 === 0 ? { body: {} } : {}),
        });
      }
    }),
  );
  written.abort();
  for (const rounds of await Promise.all(readers)) expect(rounds).toBeGreaterThan(1);
  const verified = async () => (await system.rest('GET', '/admin/audit:verify', { token })).json;
  await expect.poll(async () => (await verified()).unchained).toBe(0);
  const json = await verified();
  expect(json).toMatchObject({ faults: [], next_position: '0', head_position: String(json.checked) });
});
