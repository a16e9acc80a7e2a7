import type { Facts, Group } from '../groups/bench.ts';
import type { Figures } from '../measure/measure.ts';
import type { Machine } from '../measure/machine.ts';

/** Results of a run. */
export interface Results {
  /** ISO 8601. */
  readonly date: string;
  /** Commit of the tree, with a plus if it had changes. */
  readonly commit: string;
  readonly machine: Machine;
  readonly groups: readonly Group[];
  readonly facts: readonly Facts[];
}

/** Published figures of other systems, not measured. CPU is µs per operation on one virtual CPU. */
const published: Readonly<Record<string, { readonly name: string; readonly cpu: number }>> = {
  refreshes: { name: "Keycloak's sizing guide: 120 per second and vCPU", cpu: 1_000_000 / 120 },
  logins: { name: "Keycloak's sizing guide: 15 per second and vCPU", cpu: 1_000_000 / 15 },
};

/** Formats the results of a run as Markdown. */
export function toMarkdown({ date, commit, machine, groups, facts }: Results): string {
  const { cores, model, memory, system, node, busyBefore } = machine;
  const all = groups.flatMap(({ rows }) => rows.map(({ figures }) => figures));
  const noise = Math.max(0, ...all.map(({ others }) => others));
  const spread = Math.max(0, ...all.map((figures) => figures.spread));
  return [
    `Run of ${date.slice(0, 16).replace('T', ' ')} UTC at commit ${commit}: ${cores} cores (${model}), ${memory} GiB, ` +
      `${system}, Node ${node}. Other processes used ${number(busyBefore)} cores before the run ` +
      `and at most ${number(noise)} during a case; CPU time varied by up to ${number(spread * 100)} % between the parts of a case.`,
    ...groups.map((group) => tableOf(group, cores)),
    ...facts.map(factsTable),
  ].join('\n\n');
}

function tableOf({ title, operations, rows, baseline }: Group, cores: number): string {
  const base = rows.find(({ name }) => name === baseline)?.figures.cpu ?? Number.NaN;
  // The other columns are meaningless for work without a server.
  const hasServers = rows.some(({ figures }) => figures.client > 0);
  const against = ({ cpu }: { readonly cpu: number }) => `${number(cpu / base)} ×`;
  const columns: Column[] = [
    { head: `${operations}/s`, cell: ({ rate }) => number(rate) },
    { head: 'CPU µs', cell: cpuOf, quoted: ({ cpu }) => number(cpu) },
    { head: `against ${baseline}`, cell: against, quoted: against },
    ...(hasServers ? serverColumns : []),
  ];
  const quoted = published[operations];
  return [
    `### ${title}\n`,
    line(['', ...columns.map(({ head }) => head), 'limit']),
    `|---|${columns.map(() => '---:|').join('')}---|`,
    ...rows.map(({ name, figures }) =>
      line([name, ...columns.map(({ cell }) => cell(figures)), limitOf(figures, cores)]),
    ),
    ...(quoted
      ? [line([quoted.name, ...columns.map((column) => column.quoted?.(quoted) ?? ''), 'not measured here'])]
      : []),
  ].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

interface Column {
  readonly head: string;
  readonly cell: (figures: Figures) => string;
  /** The cell of a published figure, if known. */
  readonly quoted?: (published: { readonly cpu: number }) => string;
}

const serverColumns: readonly Column[] = [
  { head: 'PostgreSQL µs', cell: ({ database }) => (database === null ? '' : number(database)) },
  { head: 'p50 ms', cell: ({ p50 }) => number(p50) },
  { head: 'p99 ms', cell: ({ p99 }) => number(p99) },
];

/** The total, and each process if there are several. */
function cpuOf({ cpu, by }: Figures): string {
  const each = Object.entries(by).map(([name, one]) => `${name} ${number(one)}`);
  return number(cpu) + (each.length > 1 ? ` (${each.join(', ')})` : '');
}

/** What bounded the rate. */
function limitOf({ loop, clientLoop, cores: busy }: Figures, cores: number): string {
  if (loop >= 0.95) return 'one event loop';
  if (busy >= 0.9 * cores) return `the machine's ${cores} cores`;
  return clientLoop >= 0.9 ? 'the client' : 'waiting';
}

function factsTable({ title, facts }: Facts): string {
  const rows = facts.map(({ name, value, unit }) => `| ${name} | ${number(value)} ${unit} |`);
  return [`### ${title}\n`, '| | |', '|---|---:|', ...rows].join('\n');
}

/** Formats a number with at most three significant digits. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
