import { join, type Sql, sql } from './sql.ts';

/** Joins conditions with AND. Skips undefined and false; without conditions it matches all rows. */
export function where(conditions: readonly (Sql | undefined | false)[]): Sql {
  const applying = conditions.filter((one): one is Sql => one !== undefined && one !== false);
  // In parentheses, because a condition may contain OR.
  return applying.length === 0
    ? sql`true`
    : join(
        applying.map((one) => sql`(${one})`),
        ' AND ',
      );
}
