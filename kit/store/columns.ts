import { column, join, raw, type Sql, sql } from './sql.ts';

/**
 * A select list whose rows have the type `Row`: `createdAt` is the column `created_at`. A property of `Row` that is not
 * listed does not compile.
 * @param table the name or alias before each column; empty for none
 * @param list by property, `true` for its column, or the expression that it is
 * @throws Error where a property is not a plain name
 */
export function columns<Row>(table: string, list: Readonly<Record<keyof Row & string, true | Sql>>): Sql {
  const prefix = table === '' ? '' : `${table}.`;
  const items = Object.entries<true | Sql>(list).map(([property, expression]) => {
    const name = column(`${prefix}${toSnake(property)}`);
    return sql`${expression === true ? name : expression} AS "${raw(property)}"`;
  });
  return join(items);
}

/** A row with undefined where the database has null, as the domain has it. */
export type Present<Row> = {
  [Property in keyof Row]: null extends Row[Property] ? Exclude<Row[Property], null> | undefined : Row[Property];
};

/** A row in the domain's words: undefined in the place of null. */
export function present<Row extends object>(row: Row): Present<Row> {
  const entries = Object.entries(row).map(([property, value]) => [property, value ?? undefined]);
  return Object.fromEntries(entries) as Present<Row>;
}

function toSnake(property: string): string {
  return property.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
