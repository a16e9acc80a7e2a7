import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';

/** The samples of a metric, one line each with labels and value. */
function samplesOf(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

test('counts calls by service, method and outcome, with durations', async () => {
  const metrics = createMetrics();
  const edge = metrics.of('edge');
  edge.call('a.B/C', 'ok', 0.002);
  edge.call('a.B/C', 'ok', 2);
  edge.call('a.B/C', 'not_found', 0.1);
  metrics.of('user').call('a.B/C', 'ok', 0.1);
  const text = await metrics.text();
  expect(samplesOf(text, 'signet_calls_total')).toEqual([
    'signet_calls_total{service="edge",method="a.B/C",code="ok"} 2',
    'signet_calls_total{service="edge",method="a.B/C",code="not_found"} 1',
    'signet_calls_total{service="user",method="a.B/C",code="ok"} 1',
  ]);
  expect(samplesOf(text, 'signet_call_duration_seconds_bucket')).toContain(
    'signet_call_duration_seconds_bucket{le="0.0025",service="edge",method="a.B/C"} 1',
  );
  expect(samplesOf(text, 'signet_call_duration_seconds_count')).toContain(
    'signet_call_duration_seconds_count{service="edge",method="a.B/C"} 3',
  );
});

test('counts decisions and cache lookups of guards', async () => {
  const metrics = createMetrics();
  const { guard } = metrics.of('user');
  guard.decision('admitted', 'a.B/C');
  guard.decision('INVALID_TOKEN', 'a.B/C');
  guard.cache(true);
  guard.cache(true);
  guard.cache(false);
  const text = await metrics.text();
  expect(samplesOf(text, 'signet_guard_decisions_total')).toEqual([
    'signet_guard_decisions_total{service="user",outcome="admitted"} 1',
    'signet_guard_decisions_total{service="user",outcome="INVALID_TOKEN"} 1',
  ]);
  expect(samplesOf(text, 'signet_guard_cache_lookups_total')).toEqual([
    'signet_guard_cache_lookups_total{service="user",result="hit"} 2',
    'signet_guard_cache_lookups_total{service="user",result="miss"} 1',
  ]);
});

test('reads gauges at each scrape, per service', async () => {
  const metrics = createMetrics();
  let waiting = 0;
  metrics.of('auth').watch('signet_password_hashes_waiting', () => waiting);
  metrics.of('edge').watch('signet_revocations', () => 7);
  metrics.of('user').watch('signet_revocations', () => 8);
  waiting = 5;
  const text = await metrics.text();
  expect(samplesOf(text, 'signet_password_hashes_waiting')).toEqual([
    'signet_password_hashes_waiting{service="auth"} 5',
  ]);
  expect(samplesOf(text, 'signet_revocations')).toEqual([
    'signet_revocations{service="edge"} 7',
    'signet_revocations{service="user"} 8',
  ]);
});

test('are served on a separate port, at /metrics only', async () => {
  const metrics = createMetrics();
  const server = await serveMetrics(metrics, { port: 0, host: '127.0.0.1' });
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, metrics.contentType]);
  expect(await answer.text()).toContain('process_cpu_seconds_total');
  expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(404);
  await server.close();
});
