import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { dropDatabase } from '#kit/db/create-database.ts';
import { consumerTables, ownerTable, producerTables } from '#kit/events/tables.ts';
import { idempotencyTable } from '#kit/idempotency/table.ts';
import { Secret } from '#kit/log/secret.ts';
import { databaseUrl } from '#kit/testing/postgres.ts';
import { root } from './check/check.ts';
import { schemaDiff } from './schema-diff.ts';

test.each([
  ['a producer', 'events.md', 'auth', producerTables],
  ['a consumer', 'events.md', 'user', consumerTables],
  ['a service with rows of users', 'events.md', 'user', ownerTable],
  ['idempotency keys', 'idempotency.md', 'payment', idempotencyTable],
] as const)("the models of %s in docs/%s are those of the kit's SQL", async (models, page, schema, tables) => {
  const text = await readFile(path.join(root, 'docs', page), 'utf8');
  const found = text.split(`<!-- models of ${models} -->`)[1]?.split('```prisma\n')[1]?.split('```')[0] ?? '';
  expect(found).toContain('@@schema');
  const admin = new Secret(inject('postgres').admin);
  const folder = await mkdtemp(path.join(tmpdir(), 'signet-models-'));
  try {
    const service = path.join(folder, schema);
    const migration = path.join(service, 'migrations', '20261126000000_events');
    await mkdir(migration, { recursive: true });
    await writeFile(path.join(migration, 'migration.sql'), tables(schema));
    await writeFile(
      path.join(service, 'schema.prisma'),
      `generator client {\n  provider = "prisma-client"\n  output = "x"\n}\n` +
        `datasource db {\n  provider = "postgresql"\n  schemas = ["${schema}"]\n}\n${found}`,
    );
    const url = (name = 'postgres') => databaseUrl(admin, name);
    expect(await schemaDiff({ url }, service)).toBe('');
  } finally {
    await dropDatabase(admin, `diff_${schema}`);
    await rm(folder, { recursive: true });
  }
});
