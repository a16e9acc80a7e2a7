import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { connectTo } from '#kit/db/database.ts';
import { temporaryFolders } from '#kit/db/embedded/home.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import { silentLog } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { servicesWithData } from '../../../services/registry.ts';
import { type DurableServer, type RestorableServer, startDurableServer } from './server.ts';

/** A server with a base backup and an archive of its WAL: its restore is a point-in-time recovery. */
export interface ArchivedServer extends DurableServer, RestorableServer {
  /**
   * Starts a standby, with the name `standby`.
   * @param port that leads to this server
   */
  startStandby(port: number): Promise<Standby>;
}

/** A server that follows another one. */
export interface Standby extends DurableServer {
  /** Resolves once it has replayed everything that the primary has committed. */
  caughtUp(): Promise<void>;
  /** Makes it a primary. Resolves once it accepts writes. */
  promote(): Promise<void>;
}

/** Starts a server with the tables of every service. */
export async function startArchivedServer(): Promise<ArchivedServer> {
  const folder = await mkdtemp(path.join(temporaryFolders()[0] ?? '', 'signet-archived-'));
  chmodSync(folder, 0o711);
  const [archive, base] = [path.join(folder, 'archive'), path.join(folder, 'base')];
  const primary = await startDurableServer(path.join(folder, 'primary'));
  mkdirSync(archive);
  giveTo(primary.data, archive);
  await primary.query('ALTER SYSTEM SET archive_mode = on');
  await primary.query(`ALTER SYSTEM SET archive_command = 'cp %p ${archive}/%f'`);
  await primary.stop();
  await primary.start();
  for (const { name } of servicesWithData) await migrate({ url: primary.url, ...migrationsOf(name), log: silentLog });
  await backUp(primary, base);
  let marked = new Date();

  /** Resolves once everything that was committed so far is in the archive. */
  async function archived(): Promise<void> {
    const [last] = await primary.query<{ file: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS file');
    await expect.poll(() => readdirSync(archive)).toContain(last?.file);
  }

  /** Makes a data directory of the base backup, on which a server begins with the archive. */
  function layOut(data: string, mode: 'recovery' | 'standby', settings: Readonly<Record<string, string>>): void {
    rmSync(data, { recursive: true, force: true });
    execFileSync('cp', ['-a', base, data]);
    const lines = Object.entries({ restore_command: `cp ${archive}/%f %p`, ...settings });
    const text = lines.map(([name, value]) => `${name} = '${value}'\n`).join('');
    appendFileSync(path.join(data, 'postgresql.auto.conf'), text);
    writeOwned(base, path.join(data, `${mode}.signal`), '');
  }

  return {
    ...primary,
    async mark() {
      // PostgreSQL counts microseconds, and Date milliseconds.
      const [row] = await primary.query<{ at: Date }>(
        `SELECT date_trunc('milliseconds', clock_timestamp()) + interval '1 ms' AS at, pg_sleep(0.002)`,
      );
      return (marked = row!.at);
    },
    async restore() {
      await archived();
      await primary.stop();
      // PostgreSQL refuses the zone Z here.
      const target = marked.toISOString().replace('Z', '+00');
      layOut(primary.data, 'recovery', { recovery_target_time: target, recovery_target_action: 'promote' });
      await primary.start();
      await expect.poll(() => primary.query('SELECT pg_is_in_recovery() AS yes')).toEqual([{ yes: false }]);
    },
    async startStandby(port) {
      await archived();
      const home = path.join(folder, 'standby');
      const cluster = path.join(home, 'postgres', 'cluster');
      for (const each of [home, path.dirname(cluster), cluster]) mkdirSync(each, { mode: 0o711 });
      execFileSync('cp', ['-a', path.join(primary.data, '..', 'password'), cluster]);
      const { username, password } = new URL(primary.url.reveal());
      const from = `host=127.0.0.1 port=${port} user=${username} password=${password} application_name=standby`;
      layOut(path.join(cluster, 'data'), 'standby', { primary_conninfo: from });
      const standby = await startDurableServer(home);
      return {
        ...standby,
        async caughtUp() {
          const [head] = await primary.query<{ at: string }>('SELECT pg_current_wal_flush_lsn()::text AS at');
          const replayed = () => standby.query('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS yes', [head?.at]);
          await expect.poll(replayed).toEqual([{ yes: true }]);
        },
        async promote() {
          expect(await standby.query('SELECT pg_promote() AS done')).toEqual([{ done: true }]);
        },
      };
    },
    async close() {
      await primary.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Copies a data directory while its server runs (PostgreSQL's low-level backup). */
async function backUp({ url, data }: { readonly url: Secret; readonly data: string }, to: string): Promise<void> {
  const client = await connectTo(url, { pin: false });
  await client.query(`SELECT pg_backup_start('base', true)`);
  execFileSync('cp', ['-a', data, to]);
  const { rows } = await client.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop()');
  await client.end();
  for (const file of ['postmaster.pid', 'postmaster.opts']) rmSync(path.join(to, file));
  // The archive has the WAL.
  const wal = readdirSync(path.join(to, 'pg_wal'), { withFileTypes: true }).filter((file) => file.isFile());
  for (const { name } of wal) rmSync(path.join(to, 'pg_wal', name));
  writeOwned(data, path.join(to, 'backup_label'), rows[0]?.label ?? '');
}

function writeOwned(like: string, file: string, text: string): void {
  writeFileSync(file, text);
  giveTo(like, file);
}

/** Gives a file to the owner of another one: the account of the server, which is not root. */
function giveTo(like: string, file: string): void {
  const { uid, gid } = statSync(like);
  chownSync(file, uid, gid);
}
