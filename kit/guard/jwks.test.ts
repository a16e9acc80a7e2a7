import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type JwksServer, startJwksServer } from '#kit/testing/jwks-server.ts';
import { createTestIssuer, type TestIssuer } from '#kit/testing/tokens.ts';
import { refusalReasonOf } from './error.ts';
import { localJwks, maxJwksBytes, type RemoteJwksOptions, remoteJwks } from './jwks.ts';
import type { KeySource } from './keys.ts';

let issuer: TestIssuer;
let server: JwksServer;
let opened: KeySource[];
/** A clock that stands still until a test moves it, in milliseconds. */
let now: number;

beforeEach(async () => {
  issuer = await createTestIssuer();
  server = await startJwksServer(() => issuer.jwks());
  opened = [];
  now = 0;
});

afterEach(async () => {
  for (const keys of opened) keys.close();
  await server.close();
});

function open(options: Partial<RemoteJwksOptions> = {}): KeySource {
  const keys = remoteJwks({ url: server.url, clock: () => now, ...options });
  opened.push(keys);
  return keys;
}

async function reasonOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => 'no error',
    (error: unknown) => refusalReasonOf(error),
  );
}

test('holds the published keys once ready', async () => {
  const keys = open();
  expect(keys.held(issuer.key.kid, 'ES256')).toBeUndefined();
  await keys.ready();
  expect(keys.held(issuer.key.kid, 'ES256')).toBeDefined();
  expect(await keys.get(issuer.key.kid, 'ES256')).toBe(keys.held(issuer.key.kid, 'ES256'));
});

test('gives no key for another algorithm than its own, and does not ask for it again', async () => {
  const keys = open();
  await keys.ready();
  expect(await keys.get(issuer.key.kid, 'RS256')).toBeUndefined();
  expect(await keys.get(issuer.key.kid, 'HS256')).toBeUndefined();
  expect(server.requests).toBe(1);
});

test('knows a new key at its first use, at the cost of one request', async () => {
  const keys = open();
  await keys.ready();
  const { kid } = await issuer.rotate();
  expect(await keys.get(kid, 'ES256')).toBeDefined();
  expect(server.requests).toBe(2);
});

test('forgets a removed key at the next read', async () => {
  const keys = open();
  await keys.ready();
  const old = issuer.key.kid;
  await issuer.rotate();
  issuer.remove(old);
  expect(keys.held(old, 'ES256')).toBeDefined();
  expect(await keys.refresh()).toBe(true);
  expect(keys.held(old, 'ES256')).toBeUndefined();
  expect(await keys.get(old, 'ES256')).toBeUndefined();
});

test('keeps the key object of a key that stays', async () => {
  const keys = open();
  await keys.ready();
  const { kid } = issuer.key;
  const before = keys.held(kid, 'ES256');
  await issuer.rotate();
  await keys.refresh();
  expect(keys.held(kid, 'ES256')).toBe(before);
});

describe('a flood of unknown kids', () => {
  test('5,000 one after the other cost two requests', async () => {
    const keys = open();
    await keys.ready();
    for (let i = 0; i < 5_000; i += 1) expect(await keys.get(`unknown-${i}`, 'ES256')).toBeUndefined();
    expect(server.requests).toBe(2);
  });

  test('5,000 at once cost two requests', async () => {
    const keys = open();
    await keys.ready();
    const found = await Promise.all(Array.from({ length: 5_000 }, (_, i) => keys.get(`unknown-${i}`, 'ES256')));
    expect(found.every((key) => key === undefined)).toBe(true);
    expect(server.requests).toBe(2);
  });

  test('5,000 at once before the first answer cost two requests', async () => {
    const keys = open();
    const found = await Promise.all(Array.from({ length: 5_000 }, (_, i) => keys.get(`unknown-${i}`, 'ES256')));
    expect(found.every((key) => key === undefined)).toBe(true);
    expect(server.requests).toBe(2);
  });

  test('is asked about again once the cooldown is over, and not before', async () => {
    const keys = open({ cooldown: 5_000 });
    await keys.ready();
    await keys.get('unknown', 'ES256');
    now = 4_999;
    await keys.get('unknown', 'ES256');
    expect(server.requests).toBe(2);
    now = 5_000;
    await keys.get('unknown', 'ES256');
    expect(server.requests).toBe(3);
  });

  test('with the issuer down, 5,000 are KEYS_UNAVAILABLE and cost one attempt', async () => {
    let attempts = 0;
    const keys = open({
      fetch: (url, init) => {
        attempts += 1;
        return fetch(url, init);
      },
    });
    await keys.ready();
    await server.close();
    const reasons = await Promise.all(
      Array.from({ length: 5_000 }, (_, i) => reasonOf(keys.get(`unknown-${i}`, 'ES256'))),
    );
    expect(new Set(reasons)).toEqual(new Set(['KEYS_UNAVAILABLE']));
    for (let i = 0; i < 100; i += 1) expect(await reasonOf(keys.get(`later-${i}`, 'ES256'))).toBe('KEYS_UNAVAILABLE');
    expect(attempts).toBe(2);
  });
});

test('a key that is published while a read is under way is found by a second read', async () => {
  const before = issuer.jwks();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  let requests = 0;
  const keys = open({
    fetch: (url, init) => {
      requests += 1;
      if (requests > 1) return fetch(url, init);
      asked.resolve();
      return answer.promise;
    },
  });
  await asked.promise;
  const { kid } = await issuer.rotate();
  const found = keys.get(kid, 'ES256');
  answer.resolve(Response.json(before));
  expect(await found).toBeDefined();
  expect(requests).toBe(2);
});

describe('with the issuer down', () => {
  test('keeps the keys it has, and says of others that it cannot know', async () => {
    const keys = open();
    await keys.ready();
    await server.close();
    expect(await keys.refresh()).toBe(false);
    expect(await keys.get(issuer.key.kid, 'ES256')).toBeDefined();
    expect(await reasonOf(keys.get('unknown', 'ES256'))).toBe('KEYS_UNAVAILABLE');
  });

  test('says when to try again', async () => {
    await server.close();
    const error = await open()
      .get('unknown', 'ES256')
      .catch((reason: unknown) => reason);
    expect((error as { metadata: Headers }).metadata.get('retry-after')).toBe('5');
  });

  test('has no key at all when it was down from the start, and is ready when it comes back', async () => {
    const port = Number(new URL(server.url).port);
    await server.close();
    const keys = open({ cooldown: 10 });
    expect(await reasonOf(keys.get(issuer.key.kid, 'ES256'))).toBe('KEYS_UNAVAILABLE');
    server = await startJwksServer(() => issuer.jwks(), port);
    await keys.ready();
    expect(await keys.get(issuer.key.kid, 'ES256')).toBeDefined();
  });

  test('says again that a kid does not exist once it answers', async () => {
    const keys = open();
    await keys.ready();
    server.status = 500;
    expect(await reasonOf(keys.get('unknown', 'ES256'))).toBe('KEYS_UNAVAILABLE');
    server.status = 200;
    await keys.refresh();
    expect(await keys.get('unknown', 'ES256')).toBeUndefined();
  });
});

describe('an answer never replaces a good set when it', () => {
  const { length } = JSON.stringify({ keys: [], pad: '' });
  const cases: Record<string, (good: object) => { status?: number; body: unknown }> = {
    'is not JSON': () => ({ body: '<html>' }),
    'is empty': () => ({ body: '' }),
    'is not a JWKS': () => ({ body: { jwks: [] } }),
    'has no keys': () => ({ body: { keys: [] } }),
    'has no usable key': () => ({ body: { keys: [{ kty: 'EC', kid: 'x', crv: 'P-256' }] } }),
    'has a private key in it': (good) => ({ body: { keys: [{ ...good, d: 'AAAA' }] } }),
    'is an error': (good) => ({ status: 500, body: { keys: [good] } }),
    'is another success than 200': (good) => ({ status: 203, body: { keys: [good] } }),
    'is a redirect': (good) => ({ status: 302, body: { keys: [good] } }),
    'is larger than 256 KiB': (good) => ({ body: { keys: [good], pad: 'x'.repeat(maxJwksBytes - length) } }),
  };
  test.each(Object.entries(cases))('%s', async (_, make) => {
    const keys = open();
    await keys.ready();
    const { kid } = issuer.key;
    const other = await createTestIssuer();
    const { status = 200, body } = make(other.key.jwk);
    server.status = status;
    server.answer = () => body;
    expect(await keys.refresh()).toBe(false);
    expect(keys.held(kid, 'ES256')).toBeDefined();
    expect(keys.held(other.key.kid, 'ES256')).toBeUndefined();
  });

  test('does not come in time', async () => {
    const keys = open({ timeout: 20 });
    await keys.ready();
    server.answer = () => undefined;
    expect(await keys.refresh()).toBe(false);
    expect(keys.held(issuer.key.kid, 'ES256')).toBeDefined();
  });
});

test('takes an answer of 256 KiB', async () => {
  const empty = JSON.stringify({ ...issuer.jwks(), pad: '' });
  server.answer = () => ({ ...issuer.jwks(), pad: 'x'.repeat(maxJwksBytes - empty.length) });
  await expect(open().ready()).resolves.toBeUndefined();
});

test('gives up on a fetch that heeds no signal', async () => {
  const keys = open({ timeout: 20, fetch: () => new Promise(() => undefined) });
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('reads again in the background', async () => {
  const keys = open({ refreshEvery: 10 });
  await keys.ready();
  const { kid } = await issuer.rotate();
  await expect.poll(() => keys.held(kid, 'ES256')).toBeDefined();
});

test('does not read on once closed, and lets nobody wait for it', async () => {
  server.answer = () => undefined;
  const keys = open();
  const waiting = reasonOf(keys.get('any', 'ES256'));
  keys.close();
  expect(await reasonOf(keys.ready())).toBe('KEYS_UNAVAILABLE');
  expect(await waiting).toBe('KEYS_UNAVAILABLE');
  expect(await keys.refresh()).toBe(false);
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('reads once for all who ask for it at the same time', async () => {
  const keys = open();
  await keys.ready();
  await Promise.all(Array.from({ length: 100 }, () => keys.refresh()));
  expect(server.requests).toBe(2);
});

test.each([
  // A short timeout only where it is to pass: a busy machine may take a while to answer.
  { state: 'with its keys read', hangs: false, timeout: 10_000, wait: 'await keys.ready();' },
  { state: 'with a read that never ends', hangs: true, timeout: 200, wait: '' },
])(
  'lets a process end that never closes it, $state',
  async ({ hangs, timeout, wait }) => {
    if (hangs) server.answer = () => undefined;
    const script = `
    const { remoteJwks } = await import(process.argv[2]);
    const keys = remoteJwks({ url: process.argv[1], timeout: ${timeout} });
    ${wait}
    console.log('ready');`;
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', script, server.url, import.meta.resolve('./jwks.ts')],
      { stdio: 'pipe' },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, output }).toEqual({ code: 0, output: 'ready\n' });
  },
  10_000,
);

test('reads keys from the process itself in the same way', async () => {
  const keys = localJwks(async () => issuer.jwks());
  opened.push(keys);
  await keys.ready();
  const { kid } = await issuer.rotate();
  expect(await keys.get(kid, 'ES256')).toBeDefined();
});

test('local keys that cannot be read are KEYS_UNAVAILABLE', async () => {
  const keys = localJwks(async () => {
    throw new Error('no database');
  });
  opened.push(keys);
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('before the first set is here, a read that failed is tried again soon, whatever the cooldown', async () => {
  let failures = 2;
  const keys = localJwks(
    async () => {
      if (failures-- > 0) throw new Error('not there yet');
      return issuer.jwks();
    },
    { cooldown: 3_600_000 },
  );
  opened.push(keys);
  await keys.ready();
  expect(failures).toBe(-1);
});

test('says what is wrong with the last read, by the address and without what may be secret in it', async () => {
  server.answer = () => '<!doctype html>';
  const keys = open({ url: `${server.url}?token=hush`, refreshEvery: 20 });
  await expect.poll(() => keys.trouble()).toContain(`${server.url}: Unexpected token`);
  server.status = 404;
  await expect.poll(() => keys.trouble()).toBe(`${server.url}: it answered 404`);
  server.answer = () => issuer.jwks();
  server.status = 200;
  await expect.poll(() => keys.trouble()).toBeUndefined();
  await server.close();
  await expect.poll(() => keys.trouble()).toContain('ECONNREFUSED');
});

test.each<[object, string]>([
  [{ url: 'jwks.json' }, 'not a URL'],
  [{ url: 'ftp://localhost/jwks.json' }, 'https://'],
  [{ url: 'https://user:hush@issuer.test/jwks.json' }, 'credentials'],
  [{ url: 'http://issuer.example.com/jwks.json' }, 'insecureHttp'],
  [{ url: undefined }, 'url'],
  [{ cooldown: Number.NaN }, 'cooldown'],
  [{ cooldown: -1 }, 'cooldown'],
  [{ refreshEvery: 0 }, 'refreshEvery'],
  [{ refreshEvery: 86_400_001 }, 'refreshEvery'],
  [{ timeout: Infinity }, 'timeout'],
  [{ timeOut: 5_000 }, 'unknown: timeOut'],
])('is not made with %j', (wrong, message) => {
  expect(() => open(wrong as Partial<RemoteJwksOptions>)).toThrow(message);
});

test('an http:// address of a public host is accepted where that is asked for', () => {
  const fetch = async () => Response.json(issuer.jwks());
  expect(() => open({ url: 'http://issuer.example.com/jwks.json', insecureHttp: true, fetch })).not.toThrow();
});

test('local keys are not made with times that make no sense', () => {
  expect(() => localJwks(async () => issuer.jwks(), { cooldown: Number.NaN })).toThrow('cooldown');
});
