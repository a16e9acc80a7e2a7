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
/** A clock that a test moves, in milliseconds. */
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

test('has the published keys once ready', async () => {
  const keys = open();
  expect(keys.held(issuer.key.kid, 'ES256')).toBeUndefined();
  await keys.ready();
  expect(keys.held(issuer.key.kid, 'ES256')).toBeDefined();
  expect(await keys.get(issuer.key.kid, 'ES256')).toBe(keys.held(issuer.key.kid, 'ES256'));
});

test('returns no key for another algorithm, without a request', async () => {
  const keys = open();
  await keys.ready();
  expect(await keys.get(issuer.key.kid, 'RS256')).toBeUndefined();
  expect(await keys.get(issuer.key.kid, 'HS256')).toBeUndefined();
  expect(server.requests).toBe(1);
});

test('loads a new key at its first use, with one request', async () => {
  const keys = open();
  await keys.ready();
  const { kid } = await issuer.rotate();
  expect(await keys.get(kid, 'ES256')).toBeDefined();
  expect(server.requests).toBe(2);
});

test('drops a removed key at the next load', async () => {
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

test('keeps the key object of an unchanged key', async () => {
  const keys = open();
  await keys.ready();
  const { kid } = issuer.key;
  const before = keys.held(kid, 'ES256');
  await issuer.rotate();
  await keys.refresh();
  expect(keys.held(kid, 'ES256')).toBe(before);
});

describe('a flood of unknown kids', () => {
  test('5,000 in sequence cause two requests', async () => {
    const keys = open();
    await keys.ready();
    for (let i = 0; i < 5_000; i += 1) expect(await keys.get(`unknown-${i}`, 'ES256')).toBeUndefined();
    expect(server.requests).toBe(2);
  });

  test('5,000 in parallel cause two requests', async () => {
    const keys = open();
    await keys.ready();
    const found = await Promise.all(Array.from({ length: 5_000 }, (_, i) => keys.get(`unknown-${i}`, 'ES256')));
    expect(found.every((key) => key === undefined)).toBe(true);
    expect(server.requests).toBe(2);
  });

  test('5,000 in parallel before the first response cause two requests', async () => {
    const keys = open();
    const found = await Promise.all(Array.from({ length: 5_000 }, (_, i) => keys.get(`unknown-${i}`, 'ES256')));
    expect(found.every((key) => key === undefined)).toBe(true);
    expect(server.requests).toBe(2);
  });

  test('causes another request only after the cooldown', async () => {
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

  test('with the issuer down, 5,000 are KEYS_UNAVAILABLE and cause one attempt', async () => {
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

test('finds a key published during a load by a second load', async () => {
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
  test('keeps the loaded keys, and throws KEYS_UNAVAILABLE for others', async () => {
    const keys = open();
    await keys.ready();
    await server.close();
    expect(await keys.refresh()).toBe(false);
    expect(await keys.get(issuer.key.kid, 'ES256')).toBeDefined();
    expect(await reasonOf(keys.get('unknown', 'ES256'))).toBe('KEYS_UNAVAILABLE');
  });

  test('sends Retry-After', async () => {
    await server.close();
    const error = await open()
      .get('unknown', 'ES256')
      .catch((reason: unknown) => reason);
    expect((error as { metadata: Headers }).metadata.get('retry-after')).toBe('5');
  });

  test('has no keys if it was down from the start, and is ready when it is back', async () => {
    const port = Number(new URL(server.url).port);
    await server.close();
    const keys = open({ cooldown: 10 });
    expect(await reasonOf(keys.get(issuer.key.kid, 'ES256'))).toBe('KEYS_UNAVAILABLE');
    server = await startJwksServer(() => issuer.jwks(), port);
    await keys.ready();
    expect(await keys.get(issuer.key.kid, 'ES256')).toBeDefined();
  });

  test('reports an unknown kid again once the issuer responds', async () => {
    const keys = open();
    await keys.ready();
    server.status = 500;
    expect(await reasonOf(keys.get('unknown', 'ES256'))).toBe('KEYS_UNAVAILABLE');
    server.status = 200;
    await keys.refresh();
    expect(await keys.get('unknown', 'ES256')).toBeUndefined();
  });
});

describe('a response does not replace a valid set if it', () => {
  const { length } = JSON.stringify({ keys: [], pad: '' });
  const cases: Record<string, (good: object) => { status?: number; body: unknown }> = {
    'is not JSON': () => ({ body: '<html>' }),
    'is empty': () => ({ body: '' }),
    'is not a JWKS': () => ({ body: { jwks: [] } }),
    'has no keys': () => ({ body: { keys: [] } }),
    'has no usable key': () => ({ body: { keys: [{ kty: 'EC', kid: 'x', crv: 'P-256' }] } }),
    'has a private key': (good) => ({ body: { keys: [{ ...good, d: 'AAAA' }] } }),
    'is an error': (good) => ({ status: 500, body: { keys: [good] } }),
    'has a success status other than 200': (good) => ({ status: 203, body: { keys: [good] } }),
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

  test('times out', async () => {
    const keys = open({ timeout: 20 });
    await keys.ready();
    server.answer = () => undefined;
    expect(await keys.refresh()).toBe(false);
    expect(keys.held(issuer.key.kid, 'ES256')).toBeDefined();
  });
});

test('accepts a response of 256 KiB', async () => {
  const empty = JSON.stringify({ ...issuer.jwks(), pad: '' });
  server.answer = () => ({ ...issuer.jwks(), pad: 'x'.repeat(maxJwksBytes - empty.length) });
  await expect(open().ready()).resolves.toBeUndefined();
});

test('gives up on a fetch that ignores the signal', async () => {
  const keys = open({ timeout: 20, fetch: () => new Promise(() => undefined) });
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('reloads in the background', async () => {
  const keys = open({ refreshEvery: 10 });
  await keys.ready();
  const { kid } = await issuer.rotate();
  await expect.poll(() => keys.held(kid, 'ES256')).toBeDefined();
});

test('stops loading once closed, and rejects waiting calls', async () => {
  server.answer = () => undefined;
  const keys = open();
  const waiting = reasonOf(keys.get('any', 'ES256'));
  keys.close();
  expect(await reasonOf(keys.ready())).toBe('KEYS_UNAVAILABLE');
  expect(await waiting).toBe('KEYS_UNAVAILABLE');
  expect(await keys.refresh()).toBe(false);
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('loads once for concurrent calls', async () => {
  const keys = open();
  await keys.ready();
  await Promise.all(Array.from({ length: 100 }, () => keys.refresh()));
  expect(server.requests).toBe(2);
});

test.each([
  // A short timeout only where it is meant to expire: a busy machine may respond slowly.
  { state: 'with its keys read', hangs: false, timeout: 10_000, wait: 'await keys.ready();' },
  { state: 'with a read that never ends', hangs: true, timeout: 200, wait: '' },
])(
  'does not keep a process alive, $state',
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

test('loads keys from the process itself in the same way', async () => {
  const keys = localJwks(async () => issuer.jwks());
  opened.push(keys);
  await keys.ready();
  const { kid } = await issuer.rotate();
  expect(await keys.get(kid, 'ES256')).toBeDefined();
});

test('throws KEYS_UNAVAILABLE if local keys cannot be loaded', async () => {
  const keys = localJwks(async () => {
    throw new Error('no database');
  });
  opened.push(keys);
  expect(await reasonOf(keys.get('any', 'ES256'))).toBe('KEYS_UNAVAILABLE');
});

test('retries a failed first load soon, whatever the cooldown', async () => {
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

test('reports the cause of a failed load with the URL, without its query', async () => {
  server.answer = () => '<!doctype html>';
  const keys = open({ url: `${server.url}?token=hush`, refreshEvery: 20 });
  await expect.poll(() => keys.trouble()).toContain(`${server.url}: Unexpected token`);
  server.status = 404;
  await expect.poll(() => keys.trouble()).toBe(`${server.url}: HTTP status 404`);
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
])('throws on %j', (wrong, message) => {
  expect(() => open(wrong as Partial<RemoteJwksOptions>)).toThrow(message);
});

test('accepts http:// to a public host with insecureHttp', () => {
  const fetch = async () => Response.json(issuer.jwks());
  expect(() => open({ url: 'http://issuer.example.com/jwks.json', insecureHttp: true, fetch })).not.toThrow();
});

test('throws on invalid times of local keys', () => {
  expect(() => localJwks(async () => issuer.jwks(), { cooldown: Number.NaN })).toThrow('cooldown');
});
