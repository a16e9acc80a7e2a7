// The alert rules and the dashboard of deploy/monitoring, by promtool. scripts/check/statements.ts knows their metrics.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { describeWith } from '#kit/testing/describe-with.ts';
import { findProgram } from '#kit/testing/programs.ts';
import { root } from './check/check.ts';
import { ownServices } from './contract.ts';

const folder = path.join(root, 'deploy/monitoring');
const rulesFile = path.join(folder, 'rules.yaml');
const rulesSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.looseObject({ alert: z.string(), expr: z.string() })) })),
});
const dashboardSchema = z.object({
  panels: z.array(
    z.looseObject({
      id: z.number(),
      title: z.string(),
      gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
      targets: z.array(z.looseObject({ expr: z.string() })).default([]),
    }),
  ),
});

async function alerts() {
  const { groups } = rulesSchema.parse(parse(await readFile(rulesFile, 'utf8')));
  return groups.flatMap(({ rules }) => rules);
}

async function panels() {
  return dashboardSchema.parse(JSON.parse(await readFile(path.join(folder, 'dashboard.json'), 'utf8'))).panels;
}

/** Samples of a series, one a minute, in promtool's notation. */
type Series = readonly [series: string, values: string];

/** Evaluated after three hours: 10,800 s since 1970. Most of the series do not change. */
const at = '3h';

function constant(series: string, value: number): Series {
  return [series, `${value}x200`];
}

function growing(series: string, perMinute: number): Series {
  return [series, `0+${perMinute}x200`];
}

const calls = (code: string, perMinute: number) =>
  growing(`signet_calls_total{service="edge",code="${code}"}`, perMinute);
const bucket = (method: string, le: string, perMinute: number) =>
  growing(`signet_call_duration_seconds_bucket{service="edge",method="a.B/${method}",le="${le}"}`, perMinute);
const durations = (method: string, fast: number) => [
  bucket(method, '1', fast),
  bucket(method, '2.5', 200),
  bucket(method, '+Inf', 200),
];
const sweep = (replica: string, time: number) =>
  constant(
    `signet_work_last_success_timestamp_seconds{instance="${replica}",service="auth",work="delete expired links"}`,
    time,
  );
const runs = (outcome: string, perMinute: number) =>
  growing(`signet_work_runs_total{service="auth",work="rotate signing keys",outcome="${outcome}"}`, perMinute);
const lag = (replica: string, seconds: number) =>
  constant(`signet_events_lag_seconds{instance="${replica}",service="user",source="auth"}`, seconds);

/** What lets each alert fire, and what does not: for limits, a value at the limit. */
const cases: Readonly<Record<string, { readonly fires: readonly Series[]; readonly quiet: readonly Series[] }>> = {
  SignetDown: {
    fires: [constant('up{job="signet"}', 0)],
    quiet: [constant('up{job="signet"}', 1), constant('up{job="other"}', 0)],
  },
  SignetRevocationsStale: {
    fires: [constant('signet_revocations_age_seconds{service="user"}', 5.1)],
    quiet: [constant('signet_revocations_age_seconds{service="user"}', 5)],
  },
  SignetSigningKeyOverdue: {
    fires: [constant('signet_signing_key_rotation_timestamp_seconds{service="auth"}', 6_000)],
    quiet: [constant('signet_signing_key_rotation_timestamp_seconds{service="auth"}', 7_200)],
  },
  SignetRedisUnavailable: {
    fires: [constant('signet_redis_available{service="edge"}', 0)],
    quiet: [constant('signet_redis_available{service="edge"}', 1)],
  },
  SignetSweepLate: { fires: [sweep('a', 8_400), sweep('b', 5_000)], quiet: [sweep('a', 9_000), sweep('b', 5_000)] },
  SignetWorkFailing: { fires: [runs('failed', 2), runs('ok', 0)], quiet: [runs('failed', 2), runs('ok', 1)] },
  SignetEventsLag: { fires: [lag('a', 61), lag('b', 70)], quiet: [lag('a', 60), lag('b', 70)] },
  SignetAuditUnchained: {
    fires: [constant('signet_audit_unchained_age_seconds{service="auth"}', 61)],
    quiet: [constant('signet_audit_unchained_age_seconds{service="auth"}', 60)],
  },
  SignetClockSkew: {
    fires: [constant('signet_clock_skew_seconds{service="user"}', -2.1)],
    quiet: [constant('signet_clock_skew_seconds{service="user"}', -2)],
  },
  SignetDatabasePoolWaits: {
    fires: [constant('signet_database_waiting{service="user"}', 1)],
    quiet: [constant('signet_database_waiting{service="user"}', 0)],
  },
  SignetPasswordHashesWait: {
    fires: [constant('signet_password_hashes_waiting{service="auth"}', 51)],
    quiet: [constant('signet_password_hashes_waiting{service="auth"}', 50)],
  },
  SignetServerErrors: {
    fires: [calls('unavailable', 11), calls('ok', 989)],
    quiet: [calls('unavailable', 9), calls('ok', 991), calls('not_found', 500)],
  },
  SignetSlow: { fires: durations('Get', 197), quiet: [...durations('Get', 199), ...durations('WatchOrder', 0)] },
  SignetBug: {
    fires: [growing('signet_stray_errors_total{service="edge"}', 1)],
    quiet: [growing('signet_stray_errors_total{service="edge"}', 0), growing('signet_unhandled_rejections_total', 0)],
  },
  SignetCertificateExpires: {
    fires: [constant('signet_tls_certificate_expiry_timestamp_seconds{service="edge"}', 614_400)],
    quiet: [constant('signet_tls_certificate_expiry_timestamp_seconds{service="edge"}', 615_600)],
  },
};

test('each alert has a test', async () => {
  expect((await alerts()).map(({ alert }) => alert)).toEqual(Object.keys(cases));
});

test('the panels of the dashboard have their own ids, and do not overlap', async () => {
  const all = await panels();
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const cells = all.flatMap(({ gridPos: { h, w, x, y } }) => {
    expect(x + w).toBeLessThanOrEqual(24);
    return Array.from({ length: h * w }, (_, cell) => `${x + (cell % w)}:${y + Math.floor(cell / w)}`);
  });
  expect(new Set(cells).size).toBe(cells.length);
});

test('p99 leaves out the streaming methods, and no other', async () => {
  const texts = [...(await alerts()), ...(await panels()).flatMap(({ targets }) => targets)].map(({ expr }) => expr);
  const patterns = new Set(texts.flatMap((text) => /method!~"([^"]+)"/.exec(text)?.[1] ?? []));
  expect(patterns.size).toBe(1);
  const left = new RegExp(`^(?:${[...patterns][0]})$`);
  const methods = (await ownServices()).flatMap((desc) => desc.methods);
  expect(methods.length).toBeGreaterThan(50);
  const wrong = methods.filter(
    ({ parent, name, methodKind }) => left.test(`${parent.typeName}/${name}`) !== (methodKind !== 'unary'),
  );
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

const promtool = findProgram('promtool');

/** Runs promtool with a new file. @throws Error with its output if it finds a fault */
async function check(command: readonly string[], content: object): Promise<string> {
  const temporary = await mkdtemp(path.join(tmpdir(), 'signet-monitoring-'));
  try {
    const file = path.join(temporary, 'file.yaml');
    await writeFile(file, stringify(content));
    return (await promisify(execFile)(promtool.path!, [...command, file])).stdout;
  } finally {
    await rm(temporary, { recursive: true });
  }
}

/** A run of the rules over series, after which exactly the named alerts fire. */
function run(series: readonly Series[], firing: readonly string[]) {
  return {
    rule_files: [rulesFile],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: series.map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
            eval_time: at,
            exp_samples: firing.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
          },
        ],
      },
    ],
  };
}

describeWith([promtool], 'deploy/monitoring, by promtool', () => {
  test('the rules are valid', async () => {
    const { stdout } = await promisify(execFile)(promtool.path!, ['check', 'rules', rulesFile]);
    expect(stdout).toContain(`SUCCESS: ${Object.keys(cases).length} rules found`);
  });

  test.each(Object.entries(cases))(
    '%s fires when it should, alone, and otherwise not',
    async (alert, { fires, quiet }) => {
      expect(await check(['test', 'rules'], run(fires, [alert]))).toContain('SUCCESS');
      expect(await check(['test', 'rules'], run(quiet, []))).toContain('SUCCESS');
    },
  );

  test('an alert that does not fire when it should is reported', async () => {
    const series = cases['SignetSlow']?.quiet ?? [];
    await expect(check(['test', 'rules'], run(series, ['SignetSlow']))).rejects.toThrow('FAILED');
  });

  test('each panel of the dashboard has a valid expression', async () => {
    const exprs = (await panels()).flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(exprs.length).toBeGreaterThan(20);
    const rules = exprs.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$service', '.*'),
    }));
    await check(['check', 'rules'], { groups: [{ name: 'panels', rules }] });
  });
});
