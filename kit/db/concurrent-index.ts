import type { Client } from 'pg';
import { MigrationError } from './migration-error.ts';

/** An index that a migration makes by CREATE INDEX CONCURRENTLY. */
export interface ConcurrentIndex {
  readonly name: string;
  readonly table: string;
}

const create = /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY "(\w+)" ON (?:"\w+"\.)?"(\w+)"[^;]*;?$/;

/**
 * Returns the index that a migration makes concurrently; undefined if it makes none so.
 * @param folder names the migration in errors
 * @throws MigrationError if it has other statements, too: they cannot be in one transaction with that one
 */
export function concurrentIndexOf(folder: string, sql: string): ConcurrentIndex | undefined {
  const statements = sql.replaceAll(/^\s*--.*$/gm, '').trim();
  if (!/\bCONCURRENTLY\b/i.test(statements)) return undefined;
  const [, name, table] = create.exec(statements) ?? [];
  if (name === undefined || table === undefined) {
    throw new MigrationError(
      `${folder}: a migration with CONCURRENTLY must be one statement: CREATE [UNIQUE] INDEX CONCURRENTLY "name" ON "schema"."table" ...`,
    );
  }
  return { name, table };
}

/**
 * Makes an index while others write to its table. It waits for transactions that are older than it, but no statement
 * waits for it. A start of it that ended halfway has left an invalid index, or is still going on in the server: that one
 * is waited for.
 * @param client a connection outside of a transaction, for this alone
 * @param started whether an earlier start may have left the index; `same`: by the same statement
 * @param record records the start; called when no index has the name
 * @throws MigrationError if nothing was started, and the name is taken
 */
export async function makeIndex(
  client: Client,
  schema: string,
  { name, table }: ConcurrentIndex,
  sql: string,
  started: { readonly same: boolean } | undefined,
  record: () => Promise<void>,
): Promise<void> {
  const inSchema = client.escapeIdentifier(schema);
  const index = `${inSchema}.${client.escapeIdentifier(name)}`;
  await client.query(`SET search_path = ${inSchema}`);
  // Its locks block no reader or writer, so it may wait for them.
  await client.query('SET lock_timeout = 0');
  await client.query('SET statement_timeout = 0');
  if (started) {
    // Waits for a server process that outlives its client: the lock is the one that it holds.
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${inSchema}.${client.escapeIdentifier(table)} IN SHARE UPDATE EXCLUSIVE MODE`);
    await client.query('COMMIT');
    const { rows } = await client.query<{ valid: boolean }>(
      'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
      [index],
    );
    if (rows[0]?.valid && started.same) return;
    if (rows[0]) await client.query(`DROP INDEX CONCURRENTLY ${index}`);
  } else {
    // Otherwise the record would make the next start take it for the index of the migration.
    const { rowCount } = await client.query('SELECT FROM pg_class WHERE oid = to_regclass($1)', [index]);
    if (rowCount) throw new MigrationError(`relation "${name}" already exists`);
  }
  await record();
  await client.query(sql);
}
