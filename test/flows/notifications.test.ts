import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from 'pg';
import { connection } from '#kit/db/database.ts';
import { type Mailbox, openMailbox } from '../mailbox.ts';
import { openSystem, type Person, type System } from '../system.ts';

let system: System;
let admin: Person;
let db: Client;
beforeAll(async () => {
  system = await openSystem({ services: ['notification'], env: { SIGNET_TRUSTED_PROXIES: '127.0.0.1' } });
  admin = await system.staff('admin');
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

const soon = { timeout: 60_000, interval: 20 };
const list = async ({ access: token }: Person, query = '') =>
  (await system.rest('GET', `/notifications${query}`, { token })).json;
const kindsOf = async (person: Person) => (await list(person)).notifications.map(({ kind }: { kind: string }) => kind);
const mailsTo = async (email: string) =>
  (await system.rest('GET', `/admin/mails?to=${email.toUpperCase()}`, { token: admin.access })).json.mails;

async function signIn({ email, password }: Person, from: string) {
  const { json } = await system.rest('POST', '/auth/login', {
    body: { email, password },
    headers: { 'x-forwarded-for': from },
  });
  for (const one of [json.access_token, json.refresh_token, json.device_token]) system.secret(one);
  return json;
}

describe('a user is notified', () => {
  test('of the registration, in the inbox and by mail', async () => {
    const ada = await system.person();
    await expect.poll(() => kindsOf(ada), soon).toEqual(['welcome']);
    const { notifications, unread_count: unread } = await list(ada);
    expect(notifications[0]).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      kind: 'welcome',
      title: 'Welcome',
      body: 'Your account is ready.',
      data: {},
      created_at: expect.any(String),
    });
    expect(unread).toBe(1);
    await expect.poll(async () => (await mailsTo(ada.email)).length, soon).toBe(1);
    const [mail] = await mailsTo(ada.email);
    expect(mail).toMatchObject({ to: ada.email, subject: 'Welcome' });
    // The email is not verified, so the name may be a stranger's.
    expect(mail.text).toMatch(/^Hello,\n/);
    expect(mail.html).toMatch(/^<!doctype html>/);
  });

  test('of a sign-in from another network, and not from a known one', async () => {
    const ada = await system.person();
    const elsewhere = await signIn(ada, '203.0.113.9');
    await signIn(ada, '203.0.113.9');
    await expect.poll(() => kindsOf(ada), soon).toEqual(['new_sign_in', 'welcome']);
    const [{ data }] = (await list(ada)).notifications;
    expect(data.session_id).toBe(
      JSON.parse(Buffer.from(elsewhere.access_token.split('.')[1], 'base64url').toString()).sid,
    );
  });

  test('of a changed password and of a reused refresh token', async () => {
    const ada = await system.person();
    const { refresh_token: first } = await signIn(ada, '127.0.0.1');
    const second = await system.rest('POST', '/auth/refresh', { body: { refresh_token: first } });
    system.secret(second.json.refresh_token);
    system.secret(second.json.access_token);
    const third = await system.rest('POST', '/auth/refresh', { body: { refresh_token: second.json.refresh_token } });
    system.secret(third.json.refresh_token);
    system.secret(third.json.access_token);
    expect((await system.rest('POST', '/auth/refresh', { body: { refresh_token: first } })).json.code).toBe(
      'REFRESH_TOKEN_REUSED',
    );
    await expect.poll(() => kindsOf(ada), soon).toEqual(['refresh_reuse', 'welcome']);
    const body = { current_password: ada.password, new_password: system.secret(randomBytes(12).toString('hex')) };
    expect((await system.rest('POST', '/auth/password', { token: ada.access, body })).status).toBe(200);
    await expect.poll(() => kindsOf(ada), soon).toEqual(['password_changed', 'refresh_reuse', 'welcome']);
  });

  test('in the language of the profile', async () => {
    const ada = await system.person();
    await system.rest('PATCH', '/users/profile', { token: ada.access, body: { locale: 'de-AT' } });
    await expect.poll(async () => (await list(ada)).notifications[0]?.title, soon).toBe('Willkommen');
  });
});

test('a link by mail sets a new password, once', async () => {
  const ada = await system.person();
  expect((await system.rest('POST', '/auth/password/reset-request', { body: { email: ada.email } })).status).toBe(200);
  const find = async () =>
    (await mailsTo(ada.email)).find(({ subject }: { subject: string }) => /new password/.test(subject));
  await expect.poll(find, soon).toBeDefined();
  const { text } = await find();
  const token = system.secret(/reset-password#token=([\w-]{43})$/m.exec(text)?.[1] ?? '');
  const body = { token, new_password: system.secret(randomBytes(12).toString('hex')) };
  expect((await system.rest('POST', '/auth/password/reset', { body })).status).toBe(200);
  expect((await system.rest('POST', '/auth/password/reset', { body })).json.code).toBe('INVALID_LINK');
  const { access_token: access } = await signIn({ ...ada, password: body.new_password }, '127.0.0.1');
  await expect.poll(() => kindsOf({ ...ada, access }), soon).toEqual(['password_changed', 'password_reset', 'welcome']);
});

describe('the inbox', () => {
  test('is marked one by one and as a whole, and the same again changes nothing', async () => {
    const ada = await system.person();
    const token = ada.access;
    await signIn(ada, '203.0.113.10');
    await expect.poll(() => kindsOf(ada), soon).toHaveLength(2);
    const [{ id }] = (await list(ada)).notifications;
    const first = await system.rest('POST', `/notifications/${id}:read`, { token, body: {} });
    expect([first.status, first.json.read_at]).toEqual([200, expect.any(String)]);
    const again = await system.rest('POST', `/notifications/${id}:read`, { token, body: {} });
    expect(again.json).toEqual(first.json);
    expect((await list(ada, '?unread_only=true')).notifications.map(({ kind }: { kind: string }) => kind)).toEqual([
      'welcome',
    ]);
    const all = () => system.rest('POST', '/notifications:readAll', { token, body: {} });
    expect([(await all()).json, (await all()).json]).toEqual([{ marked_count: 1 }, { marked_count: 0 }]);
    expect(await list(ada)).toMatchObject({ unread_count: 0 });
  });

  test('has pages, whose tokens belong to their filter', async () => {
    const ada = await system.person();
    await signIn(ada, '203.0.113.11');
    await signIn(ada, '203.0.113.12');
    await expect.poll(() => kindsOf(ada), soon).toHaveLength(3);
    const first = await list(ada, '?page_size=2');
    const next = await list(ada, `?page_size=2&page_token=${first.next_page_token}`);
    expect([first, next].flatMap((page) => page.notifications.map(({ kind }: { kind: string }) => kind))).toEqual([
      'new_sign_in',
      'new_sign_in',
      'welcome',
    ]);
    expect(next.next_page_token).toBe('');
    const wrong = await list(ada, `?unread_only=true&page_token=${first.next_page_token}`);
    expect(wrong.code).toBe('INVALID_ARGUMENT');
  });

  test('belongs to its user alone', async () => {
    const [ada, eve] = [await system.person(), await system.person()];
    await expect.poll(() => kindsOf(ada), soon).toHaveLength(1);
    const [{ id }] = (await list(ada)).notifications;
    for (const one of [id, randomUUID()]) {
      const { status } = await system.rest('POST', `/notifications/${one}:read`, { token: eve.access, body: {} });
      expect(status).toBe(404);
    }
  });
});

describe('preferences', () => {
  const put = (person: Person, ...preferences: object[]) =>
    system.rest('PUT', '/notifications/preferences', { token: person.access, body: { preferences } });

  test('list every kind; those about security are locked', async () => {
    const ada = await system.person();
    const { json } = await system.rest('GET', '/notifications/preferences', { token: ada.access });
    expect(json.preferences).toHaveLength(17);
    expect(json.preferences.filter(({ locked }: { locked: boolean }) => locked)).toHaveLength(6);
    expect(json.preferences[0]).toEqual({ kind: 'welcome', in_app: true, email: true, sms: false, locked: false });
  });

  test('are replaced by kind, with 50 changes at once', async () => {
    const ada = await system.person();
    const kinds = ['order_confirmed', 'order_shipped', 'order_delivered', 'ride_accepted', 'ride_expired'];
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        put(ada, { kind: kinds[index % 5], ...(index % 2 ? { email: false } : { sms: true }) }),
      ),
    );
    const { json } = await put(ada, { kind: 'welcome' });
    for (const kind of kinds) {
      expect(json.preferences.find((one: { kind: string }) => one.kind === kind)).toMatchObject({
        email: false,
        sms: true,
      });
    }
  });

  test.each<[string, object[], number, string]>([
    ['an unknown kind', [{ kind: 'order_eaten', email: false }], 400, 'INVALID_ARGUMENT'],
    ['a kind twice', [{ kind: 'welcome', email: false }, { kind: 'welcome' }], 400, 'INVALID_ARGUMENT'],
    ['no kind', [], 400, 'INVALID_ARGUMENT'],
    ['51 kinds', Array.from({ length: 51 }, () => ({ kind: 'welcome' })), 400, 'INVALID_ARGUMENT'],
    ['the inbox left out', [{ kind: 'welcome', in_app: false }], 409, 'PREFERENCE_LOCKED'],
    ['a locked kind', [{ kind: 'password_changed', email: false }], 409, 'PREFERENCE_LOCKED'],
    ['a locked kind as a text message', [{ kind: 'password_changed', sms: true }], 409, 'PREFERENCE_LOCKED'],
  ])('refuse %s', async (_, preferences, status, code) => {
    const ada = await system.person();
    const answer = await put(ada, ...preferences);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  test('a text message is sent to the number of the profile, of which the log has only the last two digits', async () => {
    const ada = await system.person();
    await system.rest('PATCH', '/users/profile', {
      token: ada.access,
      body: { phone: system.secret('+4915198765432') },
    });
    await put(ada, { kind: 'order_shipped', sms: true });
    const id = randomUUID();
    await db.query(
      `INSERT INTO notification.notifications (id, event_id, user_id, kind, data) VALUES ($1, $1, $2, 'order_shipped', '{}')`,
      [id, ada.id],
    );
    await db.query(`INSERT INTO notification_jobs.job (name, data) VALUES ('message', $1)`, [
      JSON.stringify({ notificationId: id, channel: 'sms' }),
    ]);
    await expect.poll(() => system.logged(), soon).toContain('"number":"…32"');
  });
});

/** Reads a stream of server-sent events until `stop` says so or it ends. Returns the text. */
async function readEvents(token: string, stop: (text: string) => boolean, begun?: () => void): Promise<string> {
  const abort = new AbortController();
  const response = await fetch(`${system.edge}/api/v1/notifications:watch`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    signal: abort.signal,
  });
  begun?.();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (stop(text)) break;
  }
  abort.abort();
  return text;
}

describe('the stream', () => {
  test('sends the notifications that are made from then on', async () => {
    const ada = await system.person();
    await expect.poll(() => kindsOf(ada), soon).toEqual(['welcome']);
    const begun = Promise.withResolvers<void>();
    const reading = readEvents(ada.access, (text) => text.split('new_sign_in').length === 3, begun.resolve);
    await begun.promise;
    await signIn(ada, '203.0.113.13');
    await signIn(ada, '203.0.113.14');
    const text = await reading;
    expect(text).not.toContain('welcome');
  });

  test('ends with INVALID_TOKEN when the session ends', async () => {
    const ada = await system.person();
    const begun = Promise.withResolvers<void>();
    const reading = readEvents(ada.access, () => false, begun.resolve);
    await begun.promise;
    await system.rest('POST', '/auth/logout', { body: { refresh_token: ada.refresh } });
    expect(await reading).toContain('INVALID_TOKEN');
  });
});

test('the erasure of an account leaves nothing of it', async () => {
  const ada = await system.person();
  await system.rest('PATCH', '/users/profile', { token: ada.access, body: { locale: 'de' } });
  await expect.poll(async () => (await mailsTo(ada.email)).length, soon).toBe(1);
  expect((await system.rest('DELETE', '/users/account', { token: ada.access })).status).toBe(204);
  // The other services that erase data do not run here.
  const done = async () =>
    (await system.rest('GET', `/admin/erasures/${ada.id}`, { token: admin.access })).json.services
      .filter(({ done_at: at }: { done_at?: string }) => at !== undefined)
      .map(({ service }: { service: string }) => service);
  await expect.poll(done, soon).toEqual(['notification', 'user']);
  expect(await mailsTo(ada.email)).toEqual([]);
  for (const table of ['notifications', 'preferences', 'languages', 'mails']) {
    const { rowCount } = await db.query(`SELECT FROM notification.${table} WHERE user_id = $1`, [ada.id]);
    expect([table, rowCount]).toEqual([table, 0]);
  }
});

describe('with a mail server', () => {
  let mailbox: Mailbox;
  let mailed: System;
  beforeAll(async () => {
    mailbox = await openMailbox();
    mailed = await openSystem({ services: ['notification'], env: { SMTP_URL: mailbox.url } });
  });
  afterAll(async () => {
    await mailed.close();
    mailbox.close();
  });

  const received = (email: string) => mailbox.mails.filter(({ to }) => to === email);
  const messageId = (raw: string) => /^Message-ID: (.+)$/m.exec(raw)?.[1];

  test('a mail that is refused for a while is sent again, once, with the same Message-ID', async () => {
    mailbox.replies.push('450 later', '451 still');
    const ada = await mailed.person();
    await expect.poll(() => received(ada.email).length, soon).toBe(1);
    const { rows } = await (async () => {
      const client = new Client(connection(mailed.database.url));
      await client.connect();
      try {
        return await client.query<{ id: string }>('SELECT id FROM notification.notifications WHERE user_id = $1', [
          ada.id,
        ]);
      } finally {
        await client.end();
      }
    })();
    expect(messageId(received(ada.email)[0]?.raw ?? '')).toBe(`<${rows[0]?.id}@localhost>`);
    expect(mailbox.replies).toEqual([]);
  });

  test('the development mailbox does not exist', async () => {
    const { access: token } = await mailed.staff('admin');
    const { status, json } = await mailed.rest('GET', '/admin/mails', { token });
    expect([status, json.code]).toEqual([404, 'NOT_FOUND']);
  });
});
