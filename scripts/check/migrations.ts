import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { startEmbedded } from '#kit/db/embedded.ts';
import { oldestReleaseFile, readMigrations } from '#kit/db/history.ts';
import { isAtLeast, ownRelease } from '#kit/db/release.ts';
import { silentLog } from '#kit/log/log.ts';
import { blockingIndexes, partitionedTables } from '../migration-indexes.ts';
import { schemaDiff } from '../schema-diff.ts';
import { type Check, expectNone, root } from './check.ts';

const folder = path.join(root, 'prisma');

/** Each service's migrations match its schema.prisma. */
export const migrations: Check = {
  claim: 'migrations match schema.prisma',
  async run() {
    const server = await startEmbedded({ dataDir: '', ephemeral: true, log: silentLog });
    try {
      const faults: string[] = [];
      for (const service of await readdir(folder)) {
        const sql = await schemaDiff(server, path.join(folder, service));
        if (sql) faults.push(`prisma/${service}: missing in the migrations:\n${sql}`);
      }
      expectNone(faults, 'run: npm run migration:new -- <service> <name>');
    } finally {
      await server.stop();
    }
  },
};

/** Releases can be rolled back and out without waiting writes. */
export const migrationRules: Check = {
  claim: 'migrations name their oldest release, and make indexes on tables with data concurrently',
  async run() {
    const faults: string[] = [];
    for (const service of await readdir(folder)) {
      const directory = path.join(folder, service, 'migrations');
      const partitioned = new Set<string>();
      for (const { name, sql, oldestRelease } of await readMigrations(directory)) {
        const at = `prisma/${service}/migrations/${name}`;
        if (!existsSync(path.join(directory, name, oldestReleaseFile))) {
          faults.push(`${at}: no file ${oldestReleaseFile}. Write the oldest release that works after it, or none`);
        }
        if (oldestRelease !== undefined && !isAtLeast(ownRelease, oldestRelease)) {
          faults.push(`${at}: ${oldestRelease} is newer than this code (${ownRelease}), which would not start`);
        }
        for (const table of partitionedTables(sql)) partitioned.add(table);
        for (const fault of blockingIndexes(name, sql, partitioned)) faults.push(`${at}: ${fault}`);
      }
    }
    expectNone(faults);
  },
};
