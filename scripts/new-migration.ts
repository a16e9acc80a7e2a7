// npm run migration:new -- <service> <name>: writes a migration with the difference
// between the service's migrations and its schema.prisma.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startEmbedded } from '#kit/db/embedded.ts';
import { noRelease, oldestReleaseFile } from '#kit/db/history.ts';
import { silentLog } from '#kit/log/log.ts';
import { root } from './check/check.ts';
import { withKitTables } from './kit-tables.ts';
import { splitIndexes } from './migration-indexes.ts';
import { schemaDiff } from './schema-diff.ts';

const [service = '', name = ''] = process.argv.slice(2);
const directory = path.join(root, 'prisma', service);
if (!service || !existsSync(path.join(directory, 'schema.prisma')) || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('usage: npm run migration:new -- <folder of prisma/> <name_in_lower_case>');
  process.exit(2);
}

await mkdir(path.join(directory, 'migrations'), { recursive: true });
const server = await startEmbedded({ dataDir: '', ephemeral: true, log: silentLog });
try {
  const sql = await schemaDiff(server, directory);
  if (sql === '') {
    console.log(`prisma/${service}: the migrations match schema.prisma; nothing to write`);
  } else {
    const { rest, indexes } = splitIndexes(withKitTables(sql, service));
    const parts = [...(rest === '' ? [] : [{ name, sql: rest }]), ...indexes];
    const now = Date.now();
    for (const [seconds, part] of parts.entries()) {
      const stamp = new Date(now + seconds * 1_000).toISOString().replaceAll(/\D/g, '').slice(0, 14);
      const folder = path.join('prisma', service, 'migrations', `${stamp}_${part.name}`);
      await mkdir(path.join(root, folder), { recursive: true });
      await writeFile(path.join(root, folder, 'migration.sql'), `${part.sql}\n`);
      await writeFile(path.join(root, folder, oldestReleaseFile), `${noRelease}\n`);
      console.log(`${folder}/migration.sql: review it before committing; Prisma does not support partial indexes and check constraints
${folder}/${oldestReleaseFile}: name the oldest release that works with the database after it, so that it can start there`);
    }
  }
} finally {
  await server.stop();
}
