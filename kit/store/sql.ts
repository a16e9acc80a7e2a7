import { type Sql, join, raw, sqltag } from '@prisma/client/runtime/client';

// A service's client re-exports these as `Prisma.sql`, `Prisma.join` and `Prisma.raw`: what is made here is good for all.
export { join, raw, type Sql, sqltag as sql };

const form = /^(?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]*$/;

/**
 * A column by its name in SQL, with the name of its table before it or without.
 * @throws Error where it is not a plain name: it goes into a statement as it is
 */
export function column(name: string): Sql {
  if (!form.test(name)) throw new Error(`"${name}" is not the name of a column`);
  return raw(name);
}
