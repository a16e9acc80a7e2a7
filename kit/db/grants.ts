import type { Client } from 'pg';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { connectTo } from './database.ts';

/**
 * Grants a role what a service needs that does not migrate: to read and write the rows of its schemas, and to run their
 * functions. It may not create, change or drop anything, nor write the record of migrations.
 * @param url the database, with the owner of the schemas
 * @param schemas those of the service; each exists
 * @throws StartError if the role does not exist or owns a schema
 * @throws DatabaseError if the user of the URL may not grant
 */
export async function grantUse(url: Secret, schemas: readonly string[], role: string): Promise<void> {
  const client = await connectTo(url, { application_name: 'signet-migrate' });
  try {
    await refuseOwner(client, schemas, role);
    const to = client.escapeIdentifier(role);
    await client.query('BEGIN');
    for (const schema of schemas.map((name) => client.escapeIdentifier(name))) {
      await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${to}`);
      await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${to}`);
      await client.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${to}`);
      await client.query(`GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ${schema} TO ${to}`);
    }
    const own = client.escapeIdentifier(schemas[0] ?? '');
    await client.query(`REVOKE INSERT, UPDATE, DELETE ON ${own}._prisma_migrations FROM ${to}`);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

/** An owner needs no grant, and would lose the right to record migrations. */
async function refuseOwner(client: Client, schemas: readonly string[], role: string): Promise<void> {
  const { rows } = await client.query<{ schema: string | null }>(
    `SELECT n.nspname AS schema FROM pg_roles r LEFT JOIN pg_namespace n
       ON n.nspname = ANY ($2) AND pg_has_role(r.oid, n.nspowner, 'USAGE')
     WHERE r.rolname = $1`,
    [role, schemas],
  );
  const [found] = rows;
  if (!found)
    throw new StartError(`the role "${role}" does not exist. Create it: CREATE ROLE "${role}" LOGIN PASSWORD '...'`);
  if (found.schema !== null)
    throw new StartError(`the role "${role}" has the rights of the owner of "${found.schema}" already.`);
}
