import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';
import { ask, openSystem, type Person, type System } from '../system.ts';
import { bodies } from './input/bodies.ts';
import { requestText, sendRaw } from './wire.ts';

let system: System;
let ada: Person;
beforeAll(async () => {
  system = await openSystem();
  ada = await system.person();
});
afterAll(() => system.close());

/** After every attack, the next request succeeds. */
afterEach(expectWorking);

async function expectWorking(): Promise<void> {
  expect((await system.rest('GET', '/users/profile', { token: ada.access })).status).toBe(200);
}

const rest = '/api/v1/auth/login';
const connect = '/signet.auth.v1.AuthService/Login';
const protocols = [
  ['REST', rest],
  ['Connect', connect],
] as const;

let credentials = '';
beforeEach(() => {
  credentials = JSON.stringify({ email: ada.email, password: ada.password });
});

function post(
  path: string,
  body: string | Uint8Array,
  headers: readonly string[] = ['Content-Type: application/json'],
) {
  const text = typeof body === 'string' ? Buffer.from(body).toString('latin1') : Buffer.from(body).toString('latin1');
  return sendRaw(system.edge, requestText('POST', path, { headers, body: text }));
}

describe.each(protocols)('content types on %s', (_, path) => {
  test.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json\t',
    'application/json;charset=UTF-8',
  ])('accepts %s', async (type) => {
    expect((await post(path, credentials, [`Content-Type: ${type}`])).status).toBe(200);
  });

  test.each([
    ['application/json\ta'],
    ['application/json ;x'],
    ['application/json;x'],
    ['application/json; charset=utf-16'],
    ['application/json; charset=iso-8859-1'],
    ['application/json; boundary=x'],
    ['application/json, text/plain'],
    ['application/json application/json'],
    ['application/jsonp'],
    ['application/xjson'],
    ['xapplication/json'],
    ['application/merge-patch+json'],
    ['text/json'],
    ['text/plain'],
    ['text/plain; application/json'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['application/\u00a0json'],
    ['*/*'],
    ['x'],
    ['/'],
    [''],
  ])('refuses %j', async (type) => {
    expect((await post(path, credentials, [`Content-Type: ${type}`])).status).toBe(415);
  });

  test('refuses a body without a content type', async () => {
    expect((await post(path, credentials, [])).status).toBe(415);
  });

  test('refuses a body with two content types; on Connect, Node keeps only the first', async () => {
    const two = ['Content-Type: application/json', 'Content-Type: text/plain'];
    expect((await post(path, credentials, two)).status).toBe(path === rest ? 415 : 200);
    expect((await post(path, credentials, two.toReversed())).status).toBe(415);
  });
});

describe.each(protocols)('bodies on %s', (_, path) => {
  test.each(bodies)('refuses %s', async (__, make) => {
    const answer = await post(path, make(ada.email));
    expect(answer.status, answer.text.slice(-400)).toBe(400);
  });
});

test('a byte order mark is refused on REST and ignored on Connect (RFC 8259 section 8.1)', async () => {
  expect((await post(rest, `\uFEFF${credentials}`)).status).toBe(400);
  expect((await post(connect, `\uFEFF${credentials}`)).status).toBe(200);
});

/** Text fields with values that a database or a pattern may mishandle. */
describe.each([
  ['REST', 'PATCH', '/api/v1/users/profile'],
  ['Connect', 'POST', '/signet.user.v1.UserService/UpdateProfile'],
] as const)('fields on %s', (_, method, path) => {
  const change = (body: unknown) => ask(`${system.edge}${path}`, method, { token: ada.access, body });

  test.each(['name', 'bio', 'phone', 'locale'])('refuses NUL in %s', async (field) => {
    expect((await change({ [field]: 'a\0b' })).status).toBe(400);
  });

  test.each([
    ['a', '\n'],
    [' ', '\n'],
    ['a ', '\u0007'],
  ])('refuses a name of maximal length, of %j, quickly', async (fill, last) => {
    const began = performance.now();
    expect((await change({ name: fill.repeat(60_000 / fill.length) + last })).status).toBe(400);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('refuses a locale of thirty thousand subtags quickly', async () => {
    const began = performance.now();
    expect((await change({ locale: `en${'-a'.repeat(30_000)}!` })).status).toBe(400);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test.each(['id', 'email', '__proto__', 'constructor', 'name.x', 'a'.repeat(1_000), '\0', '*', 'user_id'])(
    'refuses a mask of %j',
    async (mask) => {
      expect((await change({ bio: 'x', update_mask: mask })).status).toBe(400);
    },
  );

  test('keeps unusual but valid text', async () => {
    const bio = '\u202e<script>alert(1)</script>\u2028\ud83d\ude00\r\n\t\'";--\u0001';
    const answer = await change({ bio });
    expect([answer.status, answer.json.bio]).toEqual([200, bio]);
  });
});

describe.each(protocols)('sizes on %s', (name, path) => {
  const tooLarge = name === 'REST' ? 413 : 429;
  const large = `{"email":"${'a'.repeat(9 << 20)}"}`;

  test('refuses 9 MiB: declared, chunked, and declared but not sent', async () => {
    const head = ['Content-Type: application/json'];
    expect((await post(path, large, head)).status).toBe(tooLarge);
    const chunks = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
    const chunked = requestText('POST', path, { headers: [...head, 'Transfer-Encoding: chunked'], body: chunks });
    expect((await sendRaw(system.edge, chunked)).status).toBe(tooLarge);
    const declared = requestText('POST', path, { headers: [...head, `Content-Length: ${9 << 20}`], body: '{' });
    expect((await sendRaw(system.edge, declared)).status).toBe(tooLarge);
  });

  test('accepts 64 KiB and refuses one byte more', async () => {
    const padded = (size: number) => credentials.padEnd(size, ' ');
    expect((await post(path, padded(65_536))).status).toBe(200);
    expect((await post(path, padded(65_537))).status).toBe(tooLarge);
  });

  test('ends a body at its Content-Length and reads the rest as another request', async () => {
    const headers = ['Content-Type: application/json', 'Content-Length: 2'];
    const text = requestText('POST', path, { headers, body: '{}{"email":"x"}' }).replace('Connection: close\r\n', '');
    expect(new Set((await sendRaw(system.edge, text)).statuses)).toEqual(new Set([400]));
  });

  test.each(['-1', '+2', '0x2', '2 2', '2,2', '1e1', '99999999999999999999'])(
    'refuses a length of %s',
    async (length) => {
      const headers = ['Content-Type: application/json', `Content-Length: ${length}`];
      expect((await sendRaw(system.edge, requestText('POST', path, { headers, body: '{}' }))).status).toBe(400);
    },
  );
});

describe('compressed bodies', () => {
  const bomb = gzipSync(Buffer.alloc(64 << 20, ' '));
  const headers = ['Content-Type: application/json', 'Content-Encoding: gzip'];

  test('are refused on REST, also when small', async () => {
    for (const body of [gzipSync(credentials), bomb]) expect((await post(rest, body, headers)).status).toBe(415);
  });

  test('are limited on Connect by their decompressed size', async () => {
    expect((await post(connect, gzipSync(credentials), headers)).status).toBe(200);
    expect((await post(connect, bomb, headers)).status).toBe(429);
    expect((await post(connect, credentials, headers)).status).toBe(400);
    const unknown = ['Content-Type: application/json', 'Content-Encoding: zip'];
    expect((await post(connect, credentials, unknown)).status).toBe(501);
  });

  test('that are truncated cause no internal error', async () => {
    expect((await post(connect, gzipSync(credentials).subarray(0, 30), headers)).status).toBe(400);
  });

  test('are not decompressed before authentication', async () => {
    const answer = await post('/signet.user.v1.UserService/UpdateProfile', bomb, headers);
    expect(answer.status).toBe(401);
  });
});

describe('a large body', () => {
  test('is not read: 9 MiB without a token are refused at once', async () => {
    const body = `{"bio":"${'a'.repeat(9 << 20)}"}`;
    for (const [method, path] of [
      ['PATCH', '/api/v1/users/profile'],
      ['POST', '/signet.user.v1.UserService/UpdateProfile'],
    ] as const) {
      const head = ['Content-Type: application/json', `Content-Length: ${body.length}`];
      expect((await sendRaw(system.edge, requestText(method, path, { headers: head, body: '{' }))).status).toBe(401);
      const sent = requestText(method, path, { headers: ['Content-Type: application/json'], body });
      expect((await sendRaw(system.edge, sent)).status).toBe(401);
    }
  });

  test('of 9 MiB with a token is refused for its size', async () => {
    const body = { bio: 'a'.repeat(9 << 20) };
    expect((await system.rest('PATCH', '/users/profile', { token: ada.access, body })).status).toBe(413);
  });
});

test.each([
  ['bytes that are not protobuf', Buffer.from('{"bio":"x"}')],
  ['a truncated field', Buffer.of(0x12, 9, 0x61)],
  ['a varint of twenty bytes', Buffer.alloc(20, 0xff)],
  ['groups 10,000 deep', Buffer.alloc(10_000, 0x0b)],
  ['a string that is not UTF-8', Buffer.of(0x12, 2, 0xc3, 0x28)],
])('a body of application/proto: refuses %s', async (_, body) => {
  const headers = ['Content-Type: application/proto', `Authorization: Bearer ${ada.access}`];
  expect((await post('/signet.user.v1.UserService/UpdateProfile', body, headers)).status).toBe(400);
});

test.each([
  ['message that is not base64', '?connect=v1&encoding=json&base64=1&message=%7Bx'],
  ['message that is not base64, in protobuf', '?connect=v1&encoding=proto&base64=1&message=%7Bx'],
  ['message that is not JSON', '?connect=v1&encoding=json&message=x'],
  ['message with unknown fields', '?connect=v1&encoding=json&message=%7B%22id%22%3A1%7D'],
  ['unknown encoding', '?connect=v1&encoding=xml&message=x'],
  ['unknown version', '?connect=v2&encoding=json&message=%7B%7D'],
  ['unknown compression', '?connect=v1&encoding=json&compression=zip&message=%7B%7D'],
  ['no message', '?connect=v1&encoding=json'],
  ['malformed percent-encoding', '?connect=v1&encoding=json&message=%7B%7D%zz%c0'],
])('a Connect GET is refused as a client error: %s', async (_, query) => {
  const url = `${system.edge}/signet.user.v1.UserService/GetProfile${query}`;
  const { status, text } = await ask(url, 'GET', { token: ada.access });
  expect(status, text).toBeLessThan(502);
  expect(status, text).not.toBe(500);
});
