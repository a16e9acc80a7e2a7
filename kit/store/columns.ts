import { column, join, raw, type Sql, sql } from './sql.ts';

/**
 * Returns a select list for rows of type `Row`: `createdAt` is the column `created_at`. The compiler requires all
 * properties of `Row`.
 * @param table table name or alias of the columns; empty for none
 * @param list for each property, `true` for its column, or an expression
 * @throws Error if a property is not a plain name
 */
export function columns<Row>(table: string, list: Readonly<Record<keyof Row & string, true | Sql>>): Sql {
  const prefix = table === '' ? '' : `${table}.`;
  const items = Object.entries<true | Sql>(list).map(([property, expression]) => {
    const name = column(`${prefix}${toSnake(property)}`);
    return sql`${expression === true ? name : expression} AS "${raw(property)}"`;
  });
  return join(items);
}

/** A row with undefined instead of null. */
export type Present<Row> = {
  [Property in keyof Row]: null extends Row[Property] ? Exclude<Row[Property], null> | undefined : Row[Property];
};

/** Replaces null with undefined in a row. */
export function present<Row extends object>(row: Row): Present<Row> {
  const entries = Object.entries(row).map(([property, value]) => [property, value ?? undefined]);
  return Object.fromEntries(entries) as Present<Row>;
}

function toSnake(property: string): string {
  return property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
