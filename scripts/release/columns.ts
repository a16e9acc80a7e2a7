import type { Client } from 'pg';

/** The columns of a database: by schema, table and name. A column that is required has no default and is never null. */
export type Columns = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/** Marks a column that an INSERT must name. */
export const required = ', required';

/** Reads the columns of schemas: each is its type, with ", required" behind it if an INSERT must name it. */
export async function columnsOf(client: Client, schemas: readonly string[]): Promise<Columns> {
  const { rows } = await client.query<{ schema: string; table: string; column: string; type: string }>(
    `SELECT n.nspname AS schema, c.relname AS table, a.attname AS column,
       format_type(a.atttypid, a.atttypmod)
         || CASE WHEN a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' THEN $2 ELSE '' END AS type
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
       AND NOT a.attisdropped AND c.relname <> '_prisma_migrations'
     ORDER BY n.nspname, c.relname, a.attname`,
    [schemas, required],
  );
  const columns: Record<string, Record<string, Record<string, string>>> = {};
  for (const { schema, table, column, type } of rows) ((columns[schema] ??= {})[table] ??= {})[column] = type;
  return columns;
}
