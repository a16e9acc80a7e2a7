import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '#kit/testing/postgres.ts';
import { run } from '../../cli/testing/run.ts';
import { startTogether } from '../processes.ts';

let folder: string;
let database: FreshDatabase;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'signet-secrets-'));
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Writes a secret as an editor does, with a line break at its end. */
async function fileOf(name: string, value: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, `${value}\n`, { mode: 0o400 });
  return file;
}

test('services and the command line work with all their secrets in files', async () => {
  const password = 'the admin has a file';
  const admin = await fileOf('admin', password);
  const masterKey = randomBytes(32).toString('base64');
  const system = await startTogether(database, {
    DATABASE_URL: '',
    DATABASE_URL_FILE: await fileOf('url', database.url.reveal()),
    AUTH_DATABASE_URL_FILE: await fileOf('auth-url', database.url.reveal()),
    SIGNET_MASTER_KEY: '',
    SIGNET_MASTER_KEY_FILE: await fileOf('master', masterKey),
    SIGNET_ADMIN_PASSWORD_FILE: admin,
  });
  try {
    const environment = {
      SIGNET_URL: `http://127.0.0.1:${system.ports.edge}`,
      SIGNET_CLI_EMAIL: 'admin@localhost',
      SIGNET_CLI_PASSWORD_FILE: admin,
    };
    const listed = await run(['users', 'list', '--json'], { environment });
    expect([listed.exit, listed.json()]).toMatchObject([0, { users: [{ email: 'admin@localhost' }] }]);
    const unreadable = await run(['users', 'list'], {
      environment: { ...environment, SIGNET_CLI_PASSWORD_FILE: `${folder}/absent` },
    });
    expect([unreadable.exit, unreadable.stderr]).toEqual([
      2,
      expect.stringContaining('absent of SIGNET_CLI_PASSWORD_FILE'),
    ]);
    expect(system.output()).not.toContain('unknown configuration key');
    for (const secret of [password, masterKey]) expect(system.output()).not.toContain(secret);
  } finally {
    await system.end('SIGTERM');
  }
});
