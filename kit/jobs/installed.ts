import { DatabaseError } from 'pg';
import about from 'pg-boss/package.json' with { type: 'json' };
import { connectTo } from '#kit/db/database.ts';
import { withoutRights } from '#kit/db/grants.ts';
import { jobsSchemaOf } from '#kit/db/service-roles.ts';
import type { Secret } from '#kit/log/secret.ts';
import { StartError } from '#kit/process/start-error.ts';

/** SQLSTATE of a table that is missing, and of one that the user may not read. */
const unreadable = new Set<string | undefined>(['42P01', '42501']);

/**
 * Checks that the schema of a service's jobs has the version of this code or a newer one, and that its user may use it.
 * Without the right to migrate, pg-boss itself refuses a newer one, too: older replicas could not restart during an update.
 * @returns whether the schema is newer
 * @throws StartError if it is older or missing, or rights are
 */
export async function assertJobsInstalled(url: Secret, service: string): Promise<{ readonly isNewer: boolean }> {
  const schema = jobsSchemaOf(service);
  const needed = about.pgboss.schema;
  const client = await connectTo(url, { application_name: `signet-${service}-jobs` });
  try {
    const { rows } = await client.query<{ version: number }>(
      `SELECT version FROM ${client.escapeIdentifier(schema)}.version`,
    );
    const version = rows[0]?.version ?? 0;
    if (version < needed) throw notInstalled(schema, `has version ${version}, and this code needs ${needed}`);
    const denied = await withoutRights(client, schema);
    if (denied.length > 0) throw notInstalled(schema, `has what this user may not use: ${denied.join(', ')}`);
    return { isNewer: version > needed };
  } catch (error) {
    if (!(error instanceof DatabaseError) || !unreadable.has(error.code)) throw error;
    throw notInstalled(schema, `cannot be read (${error.message})`, error);
  } finally {
    await client.end();
  }
}

function notInstalled(schema: string, reason: string, cause?: Error): StartError {
  return new StartError(
    `the schema "${schema}" ${reason}. SIGNET_MIGRATE is off, so run with the owner of the schema: ` +
      'npm run signet -- db migrate --grant-to <user>',
    { cause },
  );
}
