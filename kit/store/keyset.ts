import { wrongPageToken } from '#kit/page/page.ts';
import { column, join, raw, type Sql, sql } from './sql.ts';

/** What the columns of a sort key hold. `text C` is text that is ordered byte by byte. */
const casts = {
  uuid: raw('uuid'),
  timestamptz: raw('timestamptz'),
  bigint: raw('bigint'),
  text: raw('text'),
  'text C': raw('text COLLATE "C"'),
} as const;

/** A column of a sort key: its name, and what it holds. */
export type KeyColumn = readonly [name: string, type: keyof typeof casts];

/** The order of a list. */
export interface Order {
  /** For ORDER BY. */
  readonly by: Sql;
  readonly columns: readonly Sql[];
  readonly types: readonly KeyColumn[1][];
  readonly comparison: Sql;
}

/** The greatest key first. The last column tells rows apart whose others are equal. */
export const descending = (...columns: readonly [KeyColumn, ...KeyColumn[]]): Order => order(columns, 'DESC', '<');
/** The least key first. */
export const ascending = (...columns: readonly [KeyColumn, ...KeyColumn[]]): Order => order(columns, 'ASC', '>');

function order(key: readonly KeyColumn[], direction: 'ASC' | 'DESC', comparison: '<' | '>'): Order {
  const columns = key.map(([name, type]) => (type === 'text C' ? sql`${column(name)} COLLATE "C"` : column(name)));
  return {
    by: join(columns.map((one) => sql`${one} ${raw(direction)}`)),
    columns,
    types: key.map(([, type]) => type),
    comparison: raw(comparison),
  };
}

/**
 * The condition that a row comes after a place of a list; undefined for the first page. Of the same order as the
 * statement's ORDER BY (`order.by`), so that the two cannot differ. All columns are compared as one row, which an index
 * over them serves.
 * @param after the sort key of the last row that was given (kit/page), one value a column
 * @throws INVALID_ARGUMENT where a page token has more values or fewer
 */
export function keyset({ columns, types, comparison }: Order, after: readonly string[] | undefined): Sql | undefined {
  if (after === undefined) return undefined;
  if (after.length !== columns.length) throw wrongPageToken();
  const values = types.map((type, place) => sql`${after[place]}::${casts[type]}`);
  return sql`(${join(columns)}) ${comparison} (${join(values)})`;
}
