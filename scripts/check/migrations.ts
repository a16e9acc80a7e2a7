import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { startEmbedded } from '#kit/db/embedded.ts';
import { silentLog } from '#kit/log/log.ts';
import { schemaDiff } from '../schema-diff.ts';
import { type Check, expectNone, root } from './check.ts';

/** Each service's migrations match its schema.prisma. */
export const migrations: Check = {
  claim: 'migrations match schema.prisma',
  async run() {
    const folder = path.join(root, 'prisma');
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
