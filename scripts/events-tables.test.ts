import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { dropDatabase } from '#kit/db/create-database.ts';
import { consumerTables, ownerTable, producerTables } from '#kit/events/tables.ts';
import { Secret } from '#kit/log/secret.ts';
import { databaseUrl } from '#kit/testing/postgres.ts';
import { root } from './check/check.ts';
import { schemaDiff } from './schema-diff.ts';

test.each([
  ['producer', 'auth', producerTables],
  ['consumer', 'user', consumerTables],
  ['service with rows of users', 'user', ownerTable],
] as const)("the models of a %s in docs/events.md are those of the kit's SQL", async (role, schema, tables) => {
  const text = await readFile(path.join(root, 'docs/events.md'), 'utf8');
  const found = text.split(`<!-- models of a ${role} -->`)[1]?.split('```prisma\n')[1]?.split('```')[0] ?? '';
  expect(found).toContain('@@schema');
  const admin = new Secret(inject('postgres').admin);
  const folder = await mkdtemp(path.join(tmpdir(), 'signet-events-'));
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
