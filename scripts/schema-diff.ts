import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';
import { createDatabase } from '#kit/db/create-database.ts';
import { connectTo } from '#kit/db/database.ts';
import type { EmbeddedServer } from '#kit/db/embedded.ts';
import { migrate } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { catalogAdapter } from './catalog-adapter.ts';

/**
 * The SQL that leads from a service's migrations to its schema.prisma; empty if they
 * match. Runs the migrations on a new database and compares with Prisma's schema
 * engine through a driver adapter, which needs no engine binary.
 * @param server the server for the database
 * @param directory the service's folder: schema.prisma and migrations/
 */
export async function schemaDiff(server: Pick<EmbeddedServer, 'url'>, directory: string): Promise<string> {
  const service = path.basename(directory);
  const database = `diff_${service}`;
  const url = server.url(database);
  await createDatabase(server.url('postgres'), database);
  await migrate({ url, schema: service, directory: path.join(directory, 'migrations'), log: silentLog });
  const file = path.join(directory, 'schema.prisma');
  const schema = { path: file, content: await readFile(file, 'utf8') };
  const adapter = bindMigrationAwareSqlAdapterFactory(catalogAdapter(url.reveal()));
  const engine = await SchemaEngine.new({ datamodels: [[schema.path, schema.content]] }, () => undefined, adapter);
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files: [schema], configDir: directory },
      to: { tag: 'schemaDatamodel', files: [schema] },
      script: true,
      exitCode: null,
      // Neither the record of migrations nor partitioned tables, which Prisma does not support, are part of the model.
      filters: { externalTables: [`${service}._prisma_migrations`, ...(await partitioned(url))], externalEnums: [] },
    });
    const sql = (stdout ?? '').trim();
    return sql === '-- This is an empty migration.' ? '' : sql;
  } finally {
    engine.free();
  }
}

/** The partitioned tables of a database, with their schemas. */
async function partitioned(url: Secret): Promise<string[]> {
  const client = await connectTo(url);
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%s.%s', n.nspname, c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
