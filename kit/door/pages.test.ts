import { readdir } from 'node:fs/promises';
import { connect, constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '#kit/log/log.ts';
import { createRpcApp } from '#kit/call/app.ts';
import { type Door, openDoor } from './door.ts';
import { type Page, pageRoutes, pagesOnRequest } from './pages.ts';

const body = Buffer.from('hello '.repeat(100_000));
let door: Door;
/** The calls of the function that creates the pages of a request; the first fails. */
let creations = 0;
const onRequest = async (): Promise<Page[]> => {
  creations += 1;
  if (creations === 1) throw new Error('no file');
  const csp = "default-src 'self'";
  return ['/made', '/made/deep/file.css'].map((path) => ({
    path,
    contentType: 'text/plain',
    body: Buffer.from(path),
    csp,
  }));
};
beforeAll(async () => {
  door = await openDoor({
    app: createRpcApp({ mounted: [], gate: async () => undefined }),
    ready: async () => undefined,
    log: silentLog,
    port: 0,
    host: '127.0.0.1',
    routes: async () => [
      ...pageRoutes([
        { path: '/page', contentType: 'text/html', body, csp: "default-src 'self'" },
        { path: '/small', contentType: 'text/plain', body: Buffer.from('small'), cacheControl: 'no-store' },
      ]),
      ...pagesOnRequest(['/made', '/made/*'], onRequest),
    ],
  });
});
afterAll(() => door.close());

async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`http://127.0.0.1:${door.port}${path}`, { method, headers });
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
}

/** Returns the raw bytes, which fetch would decode. */
async function getRaw(path: string, encoding: string) {
  const session = connect(`http://127.0.0.1:${door.port}`);
  const stream = session.request({ ':path': path, 'accept-encoding': encoding });
  let coding: unknown;
  stream.on('response', (headers) => (coding = headers['content-encoding']));
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  session.destroy();
  return { coding, bytes: Buffer.concat(chunks) };
}

test('serves a page in an accepted coding, preferring brotli', async () => {
  const br = await getRaw('/page', 'gzip, deflate, br');
  expect([br.coding, brotliDecompressSync(br.bytes).equals(body)]).toEqual(['br', true]);
  const gzip = await getRaw('/page', 'GZIP;q=0.5, br;q=0');
  expect([gzip.coding, gunzipSync(gzip.bytes).equals(body)]).toEqual(['gzip', true]);
  const plain = await getRaw('/page', 'identity');
  expect([plain.coding, plain.bytes.equals(body)]).toEqual([undefined, true]);
  expect((await getRaw('/small', 'br')).coding).toBeUndefined();
});

test('a page has its headers and an ETag, and supports 304', async () => {
  const first = await get('/page');
  const etag = first.headers.get('etag')!;
  expect(first.headers.get('content-security-policy')).toBe("default-src 'self'");
  expect(first.headers.get('vary')).toBe('accept-encoding');
  expect(first.headers.get('cache-control')).toBe('no-cache');
  expect((await get('/small')).headers.get('cache-control')).toBe('no-store');
  const again = await get('/page', { 'if-none-match': etag });
  expect([again.status, again.body.length]).toEqual([304, 0]);
  const head = await get('/page', {}, 'HEAD');
  expect([head.status, head.body.length, head.headers.get('etag')]).toEqual([200, 0, etag]);
});

test('the first request creates pages once, and a failed creation is repeated', async () => {
  expect(creations).toBe(0);
  expect((await get('/made')).status).toBe(500);
  const answers = await Promise.all(['/made', '/made/deep/file.css', '/made/deep/fil%65.css'].map((path) => get(path)));
  expect(answers.map((answer) => [answer.status, String(answer.body)])).toEqual([
    [200, '/made'],
    [200, '/made/deep/file.css'],
    [200, '/made/deep/file.css'],
  ]);
  expect(answers[0]!.headers.get('content-security-policy')).toBe("default-src 'self'");
  for (const path of ['/made/', '/made/deep', '/made/*', '/made/__proto__']) {
    const { status, headers } = await get(path);
    expect([status, headers.get('content-security-policy')], path).toEqual([404, expect.stringMatching(/'none'/)]);
  }
  expect((await get('/made', {}, 'POST')).status).toBe(405);
  expect(creations).toBe(2);
});

test.runIf(process.platform === 'linux')('requests that are reset leave no file open', async () => {
  const open = async () => (await readdir('/proc/self/fd')).length;
  const before = await open();
  for (let round = 0; round < 10; round++) {
    const session = connect(`http://127.0.0.1:${door.port}`);
    session.on('error', () => undefined);
    const resets = Array.from({ length: 60 }, async (_, index) => {
      const stream = session.request({ ':path': '/page' });
      stream.on('error', () => undefined);
      await sleep(index % 13);
      stream.close(constants.NGHTTP2_CANCEL);
    });
    await Promise.all(resets);
    session.destroy();
  }
  await expect.poll(open).toBeLessThanOrEqual(before);
});
