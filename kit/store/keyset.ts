import { wrongPageToken } from '#kit/page/page.ts';
import { column, join, raw, type Sql, sql } from './sql.ts';

/** SQL types of sort key columns. `text C` is text in byte order. */
const casts = {
  uuid: raw('uuid'),
  timestamptz: raw('timestamptz'),
  bigint: raw('bigint'),
  numeric: raw('numeric'),
  real: raw('real'),
  text: raw('text'),
  'text C': raw('text COLLATE "C"'),
} as const;

/** A column of a sort key: name and type. */
export type KeyColumn = readonly [name: string, type: keyof typeof casts];

/** The order of a list. */
export interface Order {
  /** For ORDER BY. */
  readonly by: Sql;
  readonly columns: readonly Sql[];
  readonly types: readonly KeyColumn[1][];
  readonly comparison: Sql;
}

/** Descending order. The last column must make the key unique. */
export const descending = (...columns: readonly [KeyColumn, ...KeyColumn[]]): Order => order(columns, 'DESC', '<');
/** Ascending order. */
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
 * Returns the condition of the rows after a position of a list; undefined for the first page. It uses the same order
 * as the statement's ORDER BY (`order.by`), so that they cannot differ. It compares rows of columns, which can use an
 * index over the columns.
 * @param after sort key of the last row of the previous page (kit/page), one value per column
 * @throws INVALID_ARGUMENT if a page token has the wrong number of values
 */
export function keyset({ columns, types, comparison }: Order, after: readonly string[] | undefined): Sql | undefined {
  if (after === undefined) return undefined;
  if (after.length !== columns.length) throw wrongPageToken();
  const values = types.map((type, place) => sql`${after[place]}::${casts[type]}`);
  return sql`(${join(columns)}) ${comparison} (${join(values)})`;
}
