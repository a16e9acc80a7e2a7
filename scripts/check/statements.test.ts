import { beforeAll, expect, test } from 'vitest';
import { type Facts, factsOfProject, falseStatements, unknownMetrics } from './statements.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await factsOfProject();
});

test.each([
  'Set `SIGNET_ISSUER`, `SIGNET_MASTER_KEY_FILE` and, for the command line, `SIGNET_CLI_EMAIL`. The `SIGNET_` keys.',
  'It lives for 15 minutes (`SIGNET_ACCESS_TTL`, at most 1 h), `SIGNET_KEY_ROTATION` (30 days) at most.',
  'At most 10,000 in total (`SIGNET_CONNECTION_LIMIT`), 256 per address (`SIGNET_CONNECTION_LIMIT_ADDRESS`).',
  'From 9464 (`SIGNET_METRICS_PORT`). A fare costs `SIGNET_RIDE_FARE_PER_KM` (1.20) in `SIGNET_RIDE_CURRENCY` (EUR).',
  'Within 10 seconds\n(`SIGNET_REFRESH_GRACE`). `SIGNET_TRUSTED_PROXIES` (addresses).',
  'See `kit/config/config.ts`, `test/flows`, `services/<name>/main.ts` and `kit/db/*.test.ts`.',
  '`npm run check`, `npm run -s signet -- users list`, `npm start`',
  '`GET /api/v1/users/profile`, `/api/v1/orders/$ORDER:watch`, `DELETE /api/v1/auth/sessions/{session_id}`, `/api/v1/admin`',
  '`curl -X POST localhost:8080/api/v1/orders/${ORDER}:cancel?x=1`',
  '`signet_calls_total` and the cookie `signet_at`',
  'In the tutorial: `services/parcel/main.ts`, `SIGNET_PARCEL_PORT`, `/api/v1/parcel/visits`.',
])('accepts %j', (text) => expect(falseStatements(text, facts)).toEqual([]));

test.each([
  ['Set `SIGNET_ISSUERS`.', 'no configuration key SIGNET_ISSUERS'],
  ['It lives for 20 minutes (`SIGNET_ACCESS_TTL`).', 'SIGNET_ACCESS_TTL is 15m, not 20 minutes'],
  ['At most 1,000 in total (`SIGNET_CONNECTION_LIMIT`).', 'SIGNET_CONNECTION_LIMIT is 10000, not 1,000'],
  ['`SIGNET_KEY_ROTATION` (60 days)', 'SIGNET_KEY_ROTATION is 30d, not 60 days'],
  ['`SIGNET_RIDE_CURRENCY` (USD)', 'SIGNET_RIDE_CURRENCY is EUR, not USD'],
  ['See `kit/config/configuration.ts`.', 'no file kit/config/configuration.ts'],
  ['See `kit/nowhere/*.ts`.', 'no file kit/nowhere/*.ts'],
  ['`npm run checks`', 'no script checks in package.json'],
  ['`GET /api/v1/users/me`', 'REST does not serve GET /api/v1/users/me'],
  ['`DELETE /api/v1/users/profile`', 'REST does not serve DELETE /api/v1/users/profile'],
  ['`/api/v1/orders/{order_id}:observe`', 'REST does not serve /api/v1/orders/{order_id}:observe'],
  ['`signet_requests_total`', 'no metric signet_requests_total'],
])('finds what is false in %j', (text, fault) =>
  expect(falseStatements(`first line\n${text}`, facts)).toEqual([`line 2: ${fault}`]),
);

test('finds metrics that no process serves, and knows the series of histograms', () => {
  const served = new Set(['signet_calls_total', 'signet_call_duration_seconds', 'process_cpu_seconds_total']);
  const text = 'rate(signet_calls_total[5m]) signet_call_duration_seconds_bucket{} process_cpu_seconds_total';
  expect(unknownMetrics(text, served)).toEqual([]);
  expect(unknownMetrics('sum(signet_call_total) nodejs_lag_bucket signet_call_total', served)).toEqual([
    'signet_call_total',
    'nodejs_lag_bucket',
  ]);
});
