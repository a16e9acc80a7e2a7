import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { createDatabase, dropDatabase } from '#kit/db/create-database.ts';
import { Secret } from '#kit/log/secret.ts';

/** The test server, as provided by the global setup. */
export interface TestPostgres {
  /** Administrative URL, for creating databases. */
  readonly admin: string;
  /** Id of the run, part of the names of its databases. */
  readonly run: string;
}

/** A database of one test. */
export interface FreshDatabase {
  readonly url: Secret;
  /** Drops the database and its connections. */
  readonly drop: () => Promise<void>;
}

/** Creates a database with all services' tables, without rows. It is a copy and takes milliseconds. */
export function freshDatabase(): Promise<FreshDatabase> {
  return make(templateOf(inject('postgres').run));
}

/** Creates an empty database. */
export function emptyDatabase(): Promise<FreshDatabase> {
  return make();
}

/** Returns the name of a run's template database. */
export function templateOf(run: string): string {
  return `signet_test_${run}_template`;
}

/** Returns the URL of another database of a server. */
export function databaseUrl(server: Secret, name: string): Secret {
  const url = new URL(server.reveal());
  url.pathname = `/${name}`;
  return new Secret(url.href);
}

/** Returns the URL of the same database through another local port. */
export function byPort(database: Secret, port: number): Secret {
  const url = new URL(database.reveal());
  url.host = `127.0.0.1:${port}`;
  return new Secret(url.href);
}

/** Returns the port of a database's server. */
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
