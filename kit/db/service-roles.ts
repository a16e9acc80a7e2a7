import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';
import { withAdmin } from './create-database.ts';

/**
 * Creates a database role for each service, `signet_<service>`. It owns the service's
 * schema and all objects in it (objects of other roles change their owner), and has no
 * access to other schemas.
 * @param admin URL of the database, with a superuser
 * @param passwordOf returns the password of a service's role; a new random one by default
 * @returns the database URL of each service
 * @throws StartError if a schema belongs to the role of another service
 */
export async function ensureServiceRoles(
  admin: Secret,
  services: readonly string[],
  passwordOf: (service: string) => Secret = newPassword,
): Promise<Map<string, Secret>> {
  const urls = new Map<string, Secret>();
  await withAdmin(admin, async (client) => {
    const database = client.escapeIdentifier(new URL(admin.reveal()).pathname.slice(1));
    for (const service of services) {
      const role = roleOf(service);
      const password = passwordOf(service).reveal();
      const [name, schema] = [client.escapeIdentifier(role), client.escapeIdentifier(service)];
      await client.query('BEGIN');
      const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
      if (!rowCount) await client.query(`CREATE ROLE ${name}`);
      await client.query(
        `ALTER ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${client.escapeLiteral(password)}`,
      );
      // Prisma's migrations begin with CREATE SCHEMA IF NOT EXISTS, which requires the privilege even if the schema exists.
      await client.query(`GRANT CREATE ON DATABASE ${database} TO ${name}`);
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      await refuseForeignSchema(client, service, role);
      await client.query(`ALTER SCHEMA ${schema} OWNER TO ${name}`);
      await reown(client, service, role);
      await ownJobs(client, service, role);
      await client.query('COMMIT');
      const url = new URL(admin.reveal());
      [url.username, url.password] = [role, password];
      urls.set(service, new Secret(url.href));
    }
  });
  return urls;
}

/**
 * Makes the role of a service the owner of what a superuser created in its schema, if that role exists.
 * @param admin URL of the database, with a superuser
 */
export async function giveToServiceRole(admin: Secret, service: string): Promise<void> {
  await withAdmin(admin, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [roleOf(service)]);
    if (!rowCount) return;
    await reown(client, service, roleOf(service));
    await ownJobs(client, service, roleOf(service));
  });
}

/** The schema of a service's jobs. */
export function jobsSchemaOf(service: string): string {
  return `${service.replaceAll('-', '_')}_jobs`;
}

/** The database role of a service. @param pattern the name of the role, with % for that of the service */
export function roleOf(service: string, pattern = 'signet_%'): string {
  return pattern.replaceAll('%', service.replaceAll('-', '_'));
}

function newPassword(): Secret {
  return new Secret(randomBytes(24).toString('base64url'));
}

/** Rejects a schema that another service's role created under this name: its functions would run with this role's rights. */
async function refuseForeignSchema(client: Client, schema: string, role: string): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT r.rolname AS owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
     WHERE n.nspname = $1 AND starts_with(r.rolname, 'signet_') AND r.rolname <> $2`,
    [schema, role],
  );
  const [found] = rows;
  if (found)
    throw new StartError(
      `the schema "${schema}" belongs to ${found.owner}, the role of another service. Drop it or make ${role} its owner.`,
    );
}

/** Makes a role the owner of the schema of its jobs (kit/jobs), if that exists. Otherwise the service creates it. */
async function ownJobs(client: Client, service: string, role: string): Promise<void> {
  const schema = jobsSchemaOf(service);
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  if (!rowCount) return;
  await refuseForeignSchema(client, schema, role);
  await client.query(`ALTER SCHEMA ${client.escapeIdentifier(schema)} OWNER TO ${client.escapeIdentifier(role)}`);
  await reown(client, schema, role);
}

async function reown(client: Client, schema: string, role: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(foreignObjects, [schema, role]);
  for (const { statement } of rows) await client.query(statement);
}

/** Statements that change the owner of a schema's ($1) objects to a role ($2). Dependents of a table change with it. */
const foreignObjects = `
  SELECT format('ALTER %s %I.%I OWNER TO %I', kind, $1::text, name, $2::text) AS statement FROM (
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
           c.relname, c.relowner, c.relnamespace
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm')
       OR (c.relkind = 'S' AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT 'TYPE', t.typname, t.typowner, t.typnamespace FROM pg_type t WHERE t.typtype IN ('e', 'd')
  ) AS object (kind, name, owner, namespace)
  WHERE namespace = (SELECT oid FROM pg_namespace WHERE nspname = $1::text)
    AND owner <> (SELECT oid FROM pg_roles WHERE rolname = $2::text)
  UNION ALL
  SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, $2::text)
  FROM pg_proc p
  WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1::text)
    AND p.proowner <> (SELECT oid FROM pg_roles WHERE rolname = $2::text)`;
