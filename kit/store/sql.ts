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

const schemaForm = /^[a-z_][a-z0-9_]{0,39}$/;

/**
 * Returns the quoted name of a table in a schema: a service may be named `user` or `order`.
 * @throws Error if the schema or the table is not a plain name of at most 40 characters, because neither is escaped
 */
export function nameIn(schema: string, table: string): string {
  for (const name of [schema, table]) if (!schemaForm.test(name)) throw new Error(`"${name}" is not a plain name`);
  return `"${schema}"."${table}"`;
}

/** Returns a table of a schema for statements. @throws Error as `nameIn` does */
export function tableIn(schema: string, table: string): Sql {
  return raw(nameIn(schema, table));
}
