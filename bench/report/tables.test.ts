import { describe, expect, test } from 'vitest';
import type { Group } from '../groups/bench.ts';
import type { Figures } from '../measure/measure.ts';
import { summaryOf, treeSummaryOf } from './summary.ts';
import { type Run, toMarkdown, treesToMarkdown } from './tables.ts';

const run: Run = {
  date: '2026-11-26T17:00:30.000Z',
  commit: 'abc1234',
  machine: { cores: 2, model: 'a model', memory: 8, system: 'Linux', node: 'v24.0.0', busyBefore: 0.25 },
};

const figures = (cpu: number, more: Partial<Figures> = {}): Figures => ({
  rate: 1_000,
  cpu,
  by: { itself: cpu },
  database: 50,
  client: 20,
  p50: 1,
  p99: 4,
  delay: null,
  loop: 0.5,
  clientLoop: 0.5,
  cores: 1,
  others: 0.1,
  ...more,
});

const row = (name: string, ...rounds: Figures[]) => ({ name, rounds });

const group: Group = {
  title: 'Reads',
  operations: 'reads',
  baselines: ['plain'],
  rows: [row('Signet', figures(30), figures(60), figures(45)), row('plain', figures(10), figures(10), figures(10))],
};

const linesOf = (markdown: string) => markdown.split('\n');

describe('the table of a group', () => {
  test('shows medians, the median of the paired ratios, and the lowest and the highest ratio', () => {
    const lines = linesOf(toMarkdown({ ...run, groups: [summaryOf(group)], facts: [] }));
    expect(lines).toContain('|  | reads/s | CPU µs | against plain | PostgreSQL µs | p50 ms | p99 ms | limit |');
    expect(lines).toContain('|---|---:|---:|---:|---:|---:|---:|---:|');
    expect(lines).toContain('| Signet | 1,000 | 45 | 4.5 × (3 to 6) | 50 | 1 | 4 | waiting |');
    expect(lines).toContain('| plain | 1,000 | 10 | 1 × | 50 | 1 | 4 | waiting |');
  });

  test('says what others used of the machine', () => {
    const [first] = linesOf(toMarkdown({ ...run, groups: [summaryOf(group)], facts: [] }));
    expect(first).toContain('Other processes used 0.25 cores before the run and up to 0.1 during a case');
  });

  test('has a column for each baseline', () => {
    const lines = linesOf(
      toMarkdown({ ...run, groups: [summaryOf({ ...group, baselines: ['plain', 'Signet'] })], facts: [] }),
    );
    expect(lines).toContain('| plain | 1,000 | 10 | 1 × | 0.22 × (0.17 to 0.33) | 50 | 1 | 4 | waiting |');
  });

  test('lists the processes that do a noticeable part', () => {
    const fleet = row('fleet', figures(100, { by: { edge: 60, user: 39.5, cart: 0.5 } }));
    const lines = linesOf(
      toMarkdown({ ...run, groups: [summaryOf({ ...group, baselines: [], rows: [fleet] })], facts: [] }),
    );
    expect(lines).toContain('| fleet | 1,000 | 100 (edge 60, user 39.5) | 50 | 1 | 4 | waiting |');
  });

  test.each([
    [{ loop: 0.95 }, 'one event loop'],
    [{ cores: 1.8 }, "the machine's 2 cores"],
    [{ clientLoop: 0.9 }, 'the client'],
    [{ loop: 0.94, cores: 1.79, clientLoop: 0.89 }, 'waiting'],
  ])('names the limit of %j', (more, limit) => {
    const rows = [row('Signet', figures(1, more))];
    const lines = linesOf(toMarkdown({ ...run, groups: [summaryOf({ ...group, baselines: [], rows })], facts: [] }));
    expect(lines.at(-1)).toBe(`| Signet | 1,000 | 1 | 50 | 1 | 4 | ${limit} |`);
  });

  test('compares latencies where those are compared', () => {
    const mixed: Group = {
      ...group,
      compares: 'p99',
      rows: [row('Signet', figures(1, { p99: 8, delay: 3 })), row('plain', figures(2, { p99: 4, delay: null }))],
    };
    const lines = linesOf(toMarkdown({ ...run, groups: [summaryOf(mixed)], facts: [] }));
    expect(lines).toContain('| Signet | 1 | 8 | 3 | 2 × (2 to 2) |');
    expect(lines).toContain('| plain | 1 | 4 |  | 1 × |');
  });

  test('quotes published figures of its operation', () => {
    const logins = { ...group, operations: 'logins' };
    const lines = linesOf(toMarkdown({ ...run, groups: [summaryOf(logins)], facts: [] }));
    expect(lines).toContain(
      "| Keycloak's sizing guide: 15 per second and vCPU |  | 66,667 | 6,667 × |  |  |  | not measured here |",
    );
  });

  test('needs its baseline', () => {
    expect(() => summaryOf({ ...group, baselines: ['bare'] })).toThrow('Reads has no row bare');
  });
});

test('a table of facts has a value and a unit in each row', () => {
  const facts = [
    {
      title: 'Start',
      facts: [
        { name: 'time', value: 1.25, unit: 's' },
        { name: 'acts', value: 1_234, unit: '' },
      ],
    },
  ];
  expect(linesOf(toMarkdown({ ...run, groups: [], facts })).slice(-5)).toEqual([
    '',
    '|  |  |',
    '|---|---:|',
    '| time | 1.3 s |',
    '| acts | 1,234 |',
  ]);
});

test('the table of two trees shows both, and the ratio of paired rounds', () => {
  const pairs = [
    {
      name: 'Signet',
      ours: row('Signet', figures(20), figures(40)),
      theirs: row('Signet', figures(40), figures(50, { rate: 500 })),
    },
  ];
  const lines = linesOf(treesToMarkdown(run, 'def5678', [treeSummaryOf(group, pairs)]));
  expect(lines).toContain('### Reads: abc1234 against def5678');
  expect(lines.at(-1)).toBe('| Signet | 30 | 45 | 0.65 × (0.5 to 0.8) | 1,000 / 750 | 4 / 4 | 50 / 50 |');
});
