import type { Facts, Group, Pair } from '../groups/bench.ts';
import type { Figures, Row } from '../measure/measure.ts';
import { mediansOf, pairedRatio, type Ratio } from '../measure/ratios.ts';

/** A row of a group: medians of its rounds, and its ratio to each baseline. */
export interface SummaryRow {
  readonly name: string;
  readonly figures: Figures;
  readonly ratios: Readonly<Record<string, Ratio>>;
}

/** A group with the figures that are reported. */
export interface Summary extends Omit<Group, 'rows'> {
  readonly rows: readonly SummaryRow[];
}

/** Figures of this tree and of another one. */
export interface TreeSummary extends Pick<Group, 'title' | 'operations' | 'compares'> {
  readonly rows: readonly {
    readonly name: string;
    readonly ours: Figures;
    readonly theirs: Figures;
    readonly ratio: Ratio;
  }[];
}

/** Whether results of a group are figures without a baseline. */
export function isFacts(measured: Group | Facts): measured is Facts {
  return 'facts' in measured;
}

/** Whether results of a group are compared with baselines. */
export function isGroup(measured: Group | Facts): measured is Group {
  return !isFacts(measured);
}

/** Summarizes the rounds of a group. @throws Error if a baseline is not among its rows */
export function summaryOf({ rows, ...group }: Group): Summary {
  const { baselines, compares } = group;
  const bases = baselines.map((name) => {
    const base = rows.find((row) => row.name === name);
    if (!base) throw new Error(`${group.title} has no row ${name}`);
    return base;
  });
  return {
    ...group,
    rows: rows.map((row) => ({
      name: row.name,
      figures: mediansOf(row.rounds),
      ratios: Object.fromEntries(bases.map((base) => [base.name, ratioOf(row, base, compares)])),
    })),
  };
}

/** Summarizes the rounds of both trees. */
export function treeSummaryOf(
  { title, operations, compares = 'cpu' }: Pick<Group, 'title' | 'operations' | 'compares'>,
  pairs: readonly Pair[],
): TreeSummary {
  return {
    title,
    operations,
    compares,
    rows: pairs.map(({ name, ours, theirs }) => ({
      name,
      ours: mediansOf(ours.rounds),
      theirs: mediansOf(theirs.rounds),
      ratio: ratioOf(ours, theirs, compares),
    })),
  };
}

function ratioOf(row: Row, base: Row, compares: Group['compares'] = 'cpu'): Ratio {
  const values = ({ rounds }: Row) => rounds.map((figures) => figures[compares]);
  return pairedRatio(values(row), values(base));
}
