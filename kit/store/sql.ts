import { type Sql, join, raw, sqltag } from '@prisma/client/runtime/client';

// Each service's client re-exports these as `Prisma.sql`, `Prisma.join` and `Prisma.raw`, so all accept this SQL.
export { join, raw, type Sql, sqltag as sql };

const form = /^(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/;

/**
 * Returns a column by its SQL name, optionally with its table's name.
 * @throws Error if it is not a plain name, because it is not escaped
 */
export function column(name: string): Sql {
  if (!form.test(name)) throw new Error(`"${name}" is not the name of a column`);
  return raw(name);
}
