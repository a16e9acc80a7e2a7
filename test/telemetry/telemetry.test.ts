import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { type Fleet, startFleet } from '../processes.ts';
import { ask, type RequestOptions } from '../system.ts';
import { type Collector, openCollector, type ReceivedSpan } from './collector.ts';

let database: FreshDatabase;
let collector: Collector;
let fleet: Fleet;
let token: string;
const credentials = { email: 'ada@example.com', password: 'correct horse battery' };

beforeAll(async () => {
  [database, collector] = await Promise.all([freshDatabase(), openCollector()]);
  fleet = await startFleet(database, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=the%20key',
    OTEL_TRACES_SAMPLER_ARG: '0',
    SIGNET_METRICS_PORT: '0',
    // Calls between services.
    SIGNET_LOG_LEVEL: 'debug',
  });
  await rest('POST', '/auth/register', { body: { ...credentials, name: 'Ada' } });
  token = fleet.secret((await rest('POST', '/auth/login', { body: credentials })).json.access_token);
});
afterAll(async () => {
  await collector.close();
  await database.drop();
});

const rest = (method: string, path: string, options?: RequestOptions) =>
  ask(`${fleet.edge}/api/v1${path}`, method, options);

/** The headers of a caller that samples its trace. */
function newTrace() {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-01` } };
}

/** The Prometheus metrics of a process. */
async function metricsOf(name: 'auth' | 'user' | 'edge'): Promise<string> {
  const line = fleet.processes[name]
    .output()
    .split('\n')
    .find((one) => one.includes('serving metrics'));
  const { port } = JSON.parse(line ?? '{}') as { port: number };
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

test('metrics report calls by method and code, guard decisions, age of revocation data, hashes and connections', async () => {
  expect((await rest('GET', '/users/profile', { token })).status).toBe(200);
  expect((await rest('GET', '/users/profile', { token })).status).toBe(200);
  expect((await rest('GET', '/users/profile')).status).toBe(401);
  expect((await rest('PATCH', '/users/profile', { token, body: '{' })).status).toBe(400);
  const [auth, user, edge] = await Promise.all([metricsOf('auth'), metricsOf('user'), metricsOf('edge')]);
  const profile = 'method="signet.user.v1.UserService/GetProfile"';
  expect(edge).toContain(`signet_calls_total{service="edge",${profile},code="ok"} 2`);
  expect(edge).toContain(`signet_calls_total{service="edge",${profile},code="unauthenticated"} 1`);
  expect(edge, 'a call with an unreadable body counts').toContain(
    'signet_calls_total{service="edge",method="signet.user.v1.UserService/UpdateProfile",code="invalid_argument"} 1',
  );
  expect(user).toContain(`signet_calls_total{service="user",${profile},code="ok"} 2`);
  expect(user).toContain(`signet_call_duration_seconds_count{service="user",${profile}} 2`);
  expect(edge).toContain('signet_guard_decisions_total{service="edge",outcome="TOKEN_REQUIRED"} 1');
  expect(user).toMatch(/signet_guard_cache_lookups_total\{service="user",result="hit"\} [1-9]/);
  for (const [name, text] of Object.entries({ auth, user, edge })) {
    expect(text).toMatch(new RegExp(`signet_revocations_age_seconds\\{service="${name}"\\} [0-4](\\.|\n)`));
    expect(text).toContain(`signet_revocations{service="${name}"} 0`);
  }
  expect(auth).toContain('signet_password_hashes_waiting{service="auth"} 0');
  expect(auth).toMatch(/signet_database_connections\{service="auth"\} [1-9]/);
  expect(auth).toContain('signet_database_waiting{service="auth"} 0');
  const timeOf = (name: string) =>
    Number(new RegExp(`^signet_signing_key_${name}_timestamp_seconds\\{service="auth"\\} (.+)$`, 'm').exec(auth)?.[1]);
  expect(Math.abs(timeOf('activation') - Date.now() / 1_000)).toBeLessThan(600);
  // SIGNET_KEY_ROTATION.
  expect(timeOf('rotation') - timeOf('activation')).toBe(30 * 86_400);
});

test('public ports do not serve metrics', async () => {
  const { port } = fleet.processes.auth.ready;
  expect((await ask(`${fleet.edge}/metrics`, 'GET')).status).toBe(404);
  expect((await ask(`http://127.0.0.1:${String(port)}/metrics`, 'GET')).status).toBe(404);
});

test('a sampled trace of the caller continues through the edge and the service to the SQL statements', async () => {
  const { traceId, spanId, headers } = newTrace();
  expect((await rest('PATCH', '/users/profile', { token, headers, body: { bio: 'x' } })).status).toBe(200);
  const method = 'signet.user.v1.UserService/UpdateProfile';
  const inTrace = () => collector.spans.filter((span) => span.traceId === traceId);
  const below = (parent: string, match: Partial<ReceivedSpan>): ReceivedSpan => {
    const found = inTrace().filter((span) => span.parentId === parent);
    expect(found, JSON.stringify({ match, all: inTrace() })).toContainEqual(expect.objectContaining(match));
    return found.find((span) => Object.entries(match).every(([key, value]) => span[key as 'name'] === value))!;
  };
  await expect.poll(() => inTrace().map(({ service }) => service)).toContain('signet-edge');
  await expect.poll(() => inTrace().map(({ service }) => service)).toContain('signet-user');
  const atEdge = below(spanId, { service: 'signet-edge', kind: 'server', name: method });
  const toUser = below(atEdge.spanId, { service: 'signet-edge', kind: 'client', name: method });
  const atUser = below(toUser.spanId, { service: 'signet-user', kind: 'server', name: method });
  const statement = below(atUser.spanId, { service: 'signet-user', kind: 'client', name: 'postgresql' });
  expect(statement.attributes['db.query.text'], 'with placeholders').toMatch(/INSERT INTO "user".profiles .* \$2/s);
  expect(statement.isError).toBe(false);
  expect(collector.header('x-api-key')).toBe('the key');
  expect(atEdge.attributes).toMatchObject({ 'signet.protocol': 'rest', 'rpc.response.status_code': 'OK' });
  for (const name of ['edge', 'user'] as const) {
    const lines = fleet.processes[name].output().split('\n');
    expect(
      lines.find((line) => line.includes(traceId) && line.includes(method)),
      name,
    ).toBeDefined();
  }
});

test('the span of a refused call names the reason and is not an error', async () => {
  const { traceId, headers } = newTrace();
  const answer = await rest('POST', '/auth/login', { headers, body: { ...credentials, password: 'wrong' } });
  expect(answer.json.code).toBe('INVALID_CREDENTIALS');
  const spans = () => collector.spans.filter((span) => span.traceId === traceId && span.kind === 'server');
  await expect.poll(() => spans().length).toBe(2);
  for (const { attributes, isError } of spans()) {
    expect([attributes['error.type'], attributes['rpc.response.status_code'], isError]).toEqual([
      'INVALID_CREDENTIALS',
      'Unauthenticated',
      false,
    ]);
  }
});

test('only the configured share of traces without a sampled parent is recorded', async () => {
  const { headers } = await rest('GET', '/users/profile', { token });
  const { traceId } = newTrace();
  await rest('GET', '/users/profile', { token, headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-00` } });
  const requestId = headers.get('x-request-id');
  // A later, sampled span has arrived, so an earlier one would have arrived too.
  const later = newTrace();
  await rest('GET', '/users/profile', { token, headers: later.headers });
  await expect
    .poll(() => collector.spans.some((span) => span.traceId === later.traceId && span.service === 'signet-user'), {
      timeout: 15_000,
    })
    .toBe(true);
  expect(collector.spans.filter(({ attributes }) => attributes['signet.request_id'] === requestId)).toEqual([]);
  expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
});

test('without a collector, calls succeed, the failure is logged, and processes stop in time', async () => {
  await collector.close();
  const { headers } = newTrace();
  expect((await rest('GET', '/users/profile', { token, headers })).status).toBe(200);
  await expect.poll(() => fleet.processes.edge.output()).toContain('failed to send traces');
  const sent = collector.received().toString('latin1');
  for (const secret of [token, credentials.password]) expect(sent.includes(secret), 'a span has a secret').toBe(false);
  const before = performance.now();
  // Ends the processes and checks their output for every secret.
  fleet.secret('the key');
  await fleet.close();
  expect(performance.now() - before).toBeLessThan(8_000);
});

test('background work begins no trace', async () => {
  const [own, all] = await Promise.all([freshDatabase(), openCollector()]);
  const alone = await startFleet(own, { OTEL_EXPORTER_OTLP_ENDPOINT: all.endpoint }, ['auth']);
  const call = async () => {
    const { status } = await ask(`${alone.auth}/.well-known/jwks.json`, 'GET');
    expect(status).toBe(200);
    return all.spans.filter(({ kind }) => kind === 'server').length;
  };
  // Spans of the polls before a call have arrived when the one of the call has.
  await expect.poll(call, { interval: 500 }).toBeGreaterThan(3);
  expect(all.spans.filter(({ parentId, kind }) => parentId === '' && kind !== 'server')).toEqual([]);
  await alone.close();
  await all.close();
  await own.drop();
});
