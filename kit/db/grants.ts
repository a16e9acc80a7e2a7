import type { Client } from 'pg';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { connectTo } from './database.ts';
import { inTurn } from './turn.ts';

/** The schemas of a service and the role that runs it without the right to migrate. */
export interface Grant {
  /** The database, with the owner of the schemas. */
  readonly url: Secret;
  /** The schema of the service's migrations first. */
  readonly schemas: readonly string[];
  readonly role: string;
}

/**
 * Grants a role what a service needs that does not migrate: to read and write the rows of its schemas, and to run their
 * functions. It may not create, change or drop anything, nor write the record of migrations. Safe to run in several
 * processes at once.
 * @throws StartError if the role does not exist or owns what is in a schema
 * @throws MigrationError if another process migrates for too long
 * @throws DatabaseError if a schema is missing, or the user of the URL may not grant
 */
export async function grantUse({ url, schemas, role }: Grant): Promise<void> {
  await onDatabase(url, async (client) => {
    await refuseOwner(client, schemas, role);
    const to = client.escapeIdentifier(role);
    const [own = ''] = schemas;
    // Two grants on an object at once fail.
    await inTurn(client, { schema: own }, async () => {
      for (const schema of schemas.map((name) => client.escapeIdentifier(name))) {
        await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${to}`);
        await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${to}`);
        await client.query(`GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${to}`);
        await client.query(`GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ${schema} TO ${to}`);
      }
      const records = `${client.escapeIdentifier(own)}._prisma_migrations`;
      await client.query(`REVOKE INSERT, UPDATE, DELETE ON ${records} FROM ${to}`);
    });
  });
}

/**
 * Checks that grantUse() takes a role, before the schemas exist, too.
 * @throws StartError if the role does not exist, or owns a schema, what is in it, or what the user of the URL creates
 */
export async function assertGrantable({ url, schemas, role }: Grant): Promise<void> {
  await onDatabase(url, (client) => refuseOwner(client, schemas, role));
}

/**
 * Returns the tables and routines of a schema that the user of a connection may not use, by name. The grants are made after the
 * migrations: a service that starts between them must not serve.
 * @throws DatabaseError if the schema is missing
 */
export async function withoutRights(client: Client, schema: string): Promise<string[]> {
  // The rights to a partition are those to its table.
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND NOT has_table_privilege(oid, 'SELECT')
     UNION SELECT proname FROM pg_proc
     WHERE pronamespace = $1::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')
     ORDER BY 1`,
    [client.escapeIdentifier(schema)],
  );
  return rows.map(({ name }) => name);
}

async function onDatabase(url: Secret, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await connectTo(url, { application_name: 'signet-migrate' });
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** An owner needs no grant, and would lose the right to record migrations. */
async function refuseOwner(client: Client, schemas: readonly string[], role: string): Promise<void> {
  const { rows } = await client.query<{ rights: string | null }>(
    `WITH own AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = ANY ($2)),
     object (name, owner) AS (
       SELECT nspname::text, nspowner FROM own
       UNION ALL SELECT nspname || '.' || relname, relowner FROM pg_class JOIN own ON own.oid = relnamespace
       UNION ALL SELECT nspname || '.' || proname, proowner FROM pg_proc JOIN own ON own.oid = pronamespace
       UNION ALL SELECT nspname || '.' || typname, typowner FROM pg_type JOIN own ON own.oid = typnamespace WHERE typtype IN ('e', 'd')
     )
     SELECT coalesce(
       (SELECT format('the owner of "%s"', name) FROM object WHERE pg_has_role(r.oid, owner, 'USAGE') ORDER BY name LIMIT 1),
       CASE WHEN pg_has_role(r.oid, current_user, 'USAGE') THEN 'the user who migrates' END) AS rights
     FROM pg_roles r WHERE r.rolname = $1`,
    [role, schemas],
  );
  const [found] = rows;
  if (!found)
    throw new StartError(`the role "${role}" does not exist. Create it: CREATE ROLE "${role}" LOGIN PASSWORD '...'`);
  if (found.rights !== null) {
    throw new StartError(
      `the role "${role}" has the rights of ${found.rights} already. Name another role, or make the user ` +
        `of the database URL the owner: REASSIGN OWNED BY "${role}" TO <user>`,
    );
  }
}
