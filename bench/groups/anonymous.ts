import { startAll } from '../server/systems.ts';
import type { Bench, Group } from './bench.ts';

const chains = 8;

/** Size just below the limit of the request headers, bytes. */
const headerSize = 15_000;

const json = { 'content-type': 'application/json' };
const baseline = 'no header, no token: 401';

/** Measures unauthenticated requests in their most expensive forms. */
export async function anonymous(bench: Bench): Promise<Group> {
  const system = await startAll(await bench.place('anonymous'), 'warn');
  const get = (path: string, status: number, headers: Record<string, string> = {}) => ({
    request: { method: 'GET' as const, url: `${system.edge}${path}`, headers },
    status,
  });
  const post = (path: string, status: number, body: string, headers: Record<string, string> = json) => ({
    request: { method: 'POST' as const, url: `${system.edge}${path}`, headers, body },
    status,
  });
  const profile = '/api/v1/users/profile';
  const query = Array.from({ length: 7_500 }, () => 'a').join('&');
  const fields = Array.from({ length: 6_000 }, (_, index) => `"a${index}":1`).join();
  const cases = {
    [baseline]: get(profile, 401),
    'Authorization: Bearer, 15,000 spaces': get(profile, 401, { authorization: `Bearer${' '.repeat(headerSize)}x y` }),
    'Authorization: a token of 8 KiB': get(profile, 401, { authorization: `Bearer ${'AAAA'.repeat(2_047)}` }),
    'Cookie: 15,000 semicolons': get(profile, 401, { cookie: ';'.repeat(headerSize) }),
    '7,500 unknown query parameters': get(`/api/v1/auth/public-key?${query}`, 400),
    '6,000 unknown fields in 64 KiB of JSON': post('/api/v1/auth/login', 400, `{${fields}}`),
    'nesting of 30,000 in JSON': post('/api/v1/auth/login', 400, '['.repeat(30_000)),
    'an unknown path': get('/nowhere', 404),
    'the script of /docs, uncompressed': get('/docs/static/swagger-ui-bundle.js', 200),
  };
  const rows = await bench.measure(
    Object.entries(cases).map(([name, { request, status }]) => ({
      name,
      load: { spec: { kind: 'request', request, status }, chains },
      servers: system.processes,
    })),
    { warmUp: 1, rounds: 4, seconds: 0.75 },
  );
  await system.stop();
  return { title: 'Worst-case requests without credentials', operations: 'requests', baselines: [baseline], rows };
}
