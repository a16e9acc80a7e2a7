import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createDatabase } from '#kit/db/create-database.ts';
import { serverAccount } from '#kit/db/embedded/account.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { startServer } from '#kit/testing/local-server.ts';
import { findProgram, type Program } from '#kit/testing/programs.ts';
import { servicesWithData } from '../../../services/registry.ts';
import type { RestorableServer } from './server.ts';

/** The folder of the newest server on Debian, which is not on PATH. */
const debian = newestServer('/usr/lib/postgresql');

/** The programs of one version: pg_dump refuses a server that is newer than itself. Debian package: postgresql. */
const [initdb, postgres, pgDump, pgRestore] = (['initdb', 'postgres', 'pg_dump', 'pg_restore'] as const).map((name) =>
  debian === undefined ? findProgram(name) : { names: [name], path: path.join(debian, name) },
) as [Program, Program, Program, Program];
export const dumpPrograms = [initdb, postgres, pgDump, pgRestore];

function newestServer(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const versions = readdirSync(folder).toSorted((a, b) => Number(b) - Number(a));
  return versions.map((name) => path.join(folder, name, 'bin')).find((bin) => existsSync(path.join(bin, 'postgres')));
}

/** Starts a server with the tables of every service, whose states are dumps. */
export async function startDumpedServer(): Promise<RestorableServer> {
  const account = serverAccount('');
  const server = await startServer({
    program: postgres,
    account,
    args(port, folder) {
      const data = path.join(folder, 'data');
      if (account) {
        chmodSync(folder, 0o711);
        mkdirSync(data, { mode: 0o700 });
        chownSync(data, account.uid, account.gid);
      }
      const options = ['--auth=trust', '--username=signet', '--encoding=UTF8', '--locale=C', '--no-sync'];
      execFileSync(initdb.path ?? '', ['-D', data, ...options], { ...account, cwd: '/', stdio: 'pipe' });
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200', 'fsync=off'];
      return ['-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])];
    },
    ready: 'ready to accept connections',
  });
  const urlOf = (name: string) => new Secret(`postgres://signet@127.0.0.1:${server.port}/${name}`);
  const url = urlOf('signet');
  await createDatabase(urlOf('postgres'), 'signet');
  for (const { name } of servicesWithData) await migrate({ url, ...migrationsOf(name), log: silentLog });
  const folder = mkdtempSync(path.join(tmpdir(), 'signet-dump-'));
  const dump = path.join(folder, 'dump');
  const run = promisify(execFile);
  return {
    url,
    async mark() {
      const at = new Date();
      await run(pgDump.path ?? '', ['--format=custom', `--file=${dump}`, url.reveal()]);
      return at;
    },
    async restore() {
      const options = ['--clean', '--if-exists', '--single-transaction', '--exit-on-error'];
      await run(pgRestore.path ?? '', [...options, `--dbname=${url.reveal()}`, dump]);
    },
    async close() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
