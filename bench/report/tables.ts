import type { Facts } from '../groups/bench.ts';
import type { Figures } from '../measure/measure.ts';
import type { Machine } from '../measure/machine.ts';
import type { Ratio } from '../measure/ratios.ts';
import type { Summary, SummaryRow, TreeSummary } from './summary.ts';

/** The circumstances of a run. */
export interface Run {
  /** ISO 8601. */
  readonly date: string;
  /** Commit of the tree, with a plus if it had changes. */
  readonly commit: string;
  readonly machine: Machine;
}

/** Results of a run. */
export interface Results extends Run {
  readonly groups: readonly Summary[];
  readonly facts: readonly Facts[];
}

/** Published figures of other systems, not measured. CPU is µs per operation on one virtual CPU. */
const published: Readonly<Record<string, { readonly name: string; readonly cpu: number }>> = {
  refreshes: { name: "Keycloak's sizing guide: 120 per second and vCPU", cpu: 1_000_000 / 120 },
  logins: { name: "Keycloak's sizing guide: 15 per second and vCPU", cpu: 1_000_000 / 15 },
};

/** Formats the results of a run as Markdown. */
export function toMarkdown({ groups, facts, ...run }: Results): string {
  const figures = groups.flatMap(({ rows }) => rows.map((row) => row.figures));
  return [
    introduction(run, figures),
    ...groups.map((group) => tableOf(group, run.machine.cores)),
    ...facts.map(factsTable),
  ].join('\n\n');
}

/** Formats a comparison with another commit as Markdown. */
export function treesToMarkdown(run: Run, other: string, groups: readonly TreeSummary[]): string {
  const figures = groups.flatMap(({ rows }) => rows.flatMap(({ ours, theirs }) => [ours, theirs]));
  return [introduction(run, figures), ...groups.map((group) => treeTable(group, run.commit, other))].join('\n\n');
}

function introduction({ date, commit, machine }: Run, figures: readonly Figures[]): string {
  const { cores, model, memory, system, node, busyBefore } = machine;
  const noise = Math.max(0, ...figures.map(({ others }) => others));
  return (
    `Run of ${date.slice(0, 16).replace('T', ' ')} UTC at commit ${commit}: ${cores} cores (${model}), ${memory} GiB, ` +
    `${system}, Node ${node}. Other processes used ${number(busyBefore)} cores before the run ` +
    `and up to ${number(noise)} during a case (median of its rounds).`
  );
}

function tableOf({ title, operations, rows, baselines, compares }: Summary, cores: number): string {
  // The columns of servers are meaningless for work without one.
  const hasServers = rows.some(({ figures }) => figures.client > 0);
  const columns = [
    ...(compares === 'p99' ? latencyColumns : costColumns(operations)),
    ...baselines.map((name) => againstColumn(name, rows)),
    ...(compares === 'p99' ? [] : [...(hasServers ? serverColumns : []), limitColumn(cores)]),
  ];
  const quoted = published[operations];
  return [
    `### ${title}\n`,
    ...table(
      ['', ...columns.map(({ head }) => head)],
      [
        ...rows.map((row) => [row.name, ...columns.map(({ cell }) => cell(row))]),
        ...(quoted ? [[quoted.name, ...columns.map((column) => column.quoted?.(quoted) ?? '')]] : []),
      ],
    ),
  ].join('\n');
}

interface Column {
  readonly head: string;
  readonly cell: (row: SummaryRow) => string;
  /** The cell of a published figure, if known. */
  readonly quoted?: (published: { readonly cpu: number }) => string;
}

const costColumns = (operations: string): readonly Column[] => [
  { head: `${operations}/s`, cell: ({ figures }) => number(figures.rate) },
  { head: 'CPU µs', cell: ({ figures }) => cpuOf(figures), quoted: ({ cpu }) => number(cpu) },
];

const latencyColumns: readonly Column[] = [
  { head: 'p50 ms', cell: ({ figures }) => number(figures.p50) },
  { head: 'p99 ms', cell: ({ figures }) => number(figures.p99) },
  { head: 'event loop delay, p99 ms', cell: ({ figures: { delay } }) => (delay === null ? '' : number(delay)) },
];

const serverColumns: readonly Column[] = [
  { head: 'PostgreSQL µs', cell: ({ figures: { database } }) => (database === null ? '' : number(database)) },
  { head: 'p50 ms', cell: ({ figures }) => number(figures.p50) },
  { head: 'p99 ms', cell: ({ figures }) => number(figures.p99) },
];

function againstColumn(baseline: string, rows: readonly SummaryRow[]): Column {
  const base = rows.find(({ name }) => name === baseline)?.figures.cpu ?? Number.NaN;
  return {
    head: `against ${baseline}`,
    cell: ({ name, ratios }) => (name === baseline ? '1 ×' : ratioText(ratios[baseline])),
    quoted: ({ cpu }) => `${number(cpu / base)} ×`,
  };
}

/** What bounded the rate. */
const limitColumn = (cores: number): Column => ({
  head: 'limit',
  cell({ figures: { loop, clientLoop, cores: busy } }) {
    if (loop >= 0.95) return 'one event loop';
    if (busy >= 0.9 * cores) return `the machine's ${cores} cores`;
    return clientLoop >= 0.9 ? 'the client' : 'waiting';
  },
  quoted: () => 'not measured here',
});

function treeTable({ title, operations, compares = 'cpu', rows }: TreeSummary, ours: string, theirs: string): string {
  const what = compares === 'cpu' ? 'CPU µs' : 'p99 ms';
  const cell = (figures: Figures) => (compares === 'cpu' ? cpuOf(figures) : number(figures.p99));
  const others: { readonly head: string; readonly read: (figures: Figures) => number | null }[] = [
    { head: `${operations}/s`, read: ({ rate }) => rate },
    compares === 'cpu'
      ? { head: 'p99 ms', read: ({ p99 }) => p99 }
      : { head: 'event loop delay, p99 ms', read: ({ delay }) => delay },
    { head: 'PostgreSQL µs', read: ({ database }) => database },
  ];
  return [
    `### ${title}: ${ours} against ${theirs}\n`,
    ...table(
      ['', `${what} at ${ours}`, `at ${theirs}`, 'ratio', ...others.map(({ head }) => `${head}, ${ours} / ${theirs}`)],
      rows.map((row) => [
        row.name,
        cell(row.ours),
        cell(row.theirs),
        ratioText(row.ratio),
        ...others.map(({ read }) => [row.ours, row.theirs].map((one) => number(read(one) ?? Number.NaN)).join(' / ')),
      ]),
    ),
  ].join('\n');
}

/** The total, and each process if there are several. */
function cpuOf({ cpu, by }: Figures): string {
  // Idle processes of a fleet are in the total.
  const each = Object.entries(by).filter(([, one]) => one >= cpu / 100);
  return number(cpu) + (each.length > 1 ? ` (${each.map(([name, one]) => `${name} ${number(one)}`).join(', ')})` : '');
}

function ratioText(ratio: Ratio | undefined): string {
  return ratio ? `${number(ratio.median)} × (${number(ratio.low)} to ${number(ratio.high)})` : '';
}

function factsTable({ title, facts }: Facts): string {
  const rows = facts.map(({ name, value, unit }) => [name, `${number(value)} ${unit}`.trimEnd()]);
  return [`### ${title}\n`, ...table(['', ''], rows)].join('\n');
}

/** Lines of a table, whose columns except the first have numbers. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [line(heads), `|---|${'---:|'.repeat(heads.length - 1)}`, ...rows.map(line)];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Formats a number with at most three significant digits. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
