import type { Client } from 'pg';
import type { Secret } from '#kit/log/secret.ts';
import { connectTo } from './database.ts';

/**
 * Creates a database if it does not exist.
 * @param admin URL of any database of the server, with a role that may create databases
 * @param template database to copy; it must have no connections
 */
export async function createDatabase(admin: Secret, name: string, template?: string): Promise<void> {
  await withAdmin(admin, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return;
    // Copying files takes a third of the time that copying through the WAL takes.
    const copy = template === undefined ? '' : ` TEMPLATE ${client.escapeIdentifier(template)} STRATEGY FILE_COPY`;
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${copy}`);
  });
}

/** Drops a database and its connections, if it exists. */
export async function dropDatabase(admin: Secret, name: string): Promise<void> {
  await withAdmin(admin, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
  });
}

/** Runs work on an administrative connection. */
export async function withAdmin(admin: Secret, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await connectTo(admin);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
