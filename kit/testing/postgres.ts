import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, dropDatabase } from '#kit/db/create-database.ts';
import { Secret } from '#kit/log/secret.ts';

/** What the global set-up tells the tests of its server. */
export interface TestPostgres {
  /** URL of a database from which others can be made. */
  readonly admin: string;
  /** Part of the name of every database of this run. */
  readonly run: string;
}

/** A database of a test's own. */
export interface FreshDatabase {
  readonly url: Secret;
  /** Drops it, with whatever is connected. */
  readonly drop: () => Promise<void>;
}

/** Makes a database with every service's tables, and no rows. Milliseconds: it is a copy. */
export function freshDatabase(): Promise<FreshDatabase> {
  return make(templateOf(inject('postgres').run));
}

/** Makes a database with nothing in it. */
export function emptyDatabase(): Promise<FreshDatabase> {
  return make();
}

/** Name of the database that a run's fresh ones are copies of. */
export function templateOf(run: string): string {
  return `signet_test_${run}_template`;
}

/** URL of another database of a server. */
export function databaseUrl(server: Secret, name: string): Secret {
  const url = new URL(server.reveal());
  url.pathname = `/${name}`;
  return new Secret(url.href);
}

/** URL of the same database, by another port of this machine. */
export function byPort(database: Secret, port: number): Secret {
  const url = new URL(database.reveal());
  url.host = `127.0.0.1:${port}`;
  return new Secret(url.href);
}

/** The port of a database's server. */
export function portOf(database: Secret): number {
  return Number(new URL(database.reveal()).port);
}

async function make(template?: string): Promise<FreshDatabase> {
  const { admin: text, run } = inject('postgres');
  const admin = new Secret(text);
  const name = `signet_test_${run}_${randomBytes(6).toString('hex')}`;
  await createDatabase(admin, name, template);
  return { url: databaseUrl(admin, name), drop: () => dropDatabase(admin, name) };
}
