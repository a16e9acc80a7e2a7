import { join, type Sql, sql } from './sql.ts';

/** Conditions that must all hold. One that is undefined or false does not apply; where none applies, all rows do. */
export function where(conditions: readonly (Sql | undefined | false)[]): Sql {
  const applying = conditions.filter((one): one is Sql => one !== undefined && one !== false);
  // Each in parentheses: one with OR in it must not take in its neighbours.
  return applying.length === 0
    ? sql`true`
    : join(
        applying.map((one) => sql`(${one})`),
        ' AND ',
      );
}
