import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { readPlain } from '../plain-files.ts';
import { EmbeddedError } from './account.ts';
import { superuser } from './cluster.ts';
import { livePostmaster } from './postmaster.ts';

/**
 * URL of the database that another process of ours runs on a data directory;
 * undefined where none does. Looks, and makes and starts nothing.
 * @throws EmbeddedError where one runs that this user may not look into
 */
export function runningServer(dataDir: string, elsewhere = '/var/lib/signet'): Secret | undefined {
  const cluster = path.join(homeOf(dataDir, elsewhere), 'cluster');
  try {
    const server = livePostmaster(path.join(cluster, 'data'));
    if (!server?.ready) return undefined;
    const password = readPlain(path.join(cluster, 'password')) ?? '';
    return new Secret(`postgres://${superuser}:${password}@127.0.0.1:${server.port}/signet`);
  } catch (error) {
    if (!/^(EACCES|EPERM)$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    throw new EmbeddedError(`the database of ${dataDir} belongs to another user: run as that user or as root.`, {
      cause: error,
    });
  }
}

/** Where the data directory's server has its files; home.ts decided it when they were made. */
function homeOf(dataDir: string, elsewhere: string): string {
  const note = readPlain(path.join(dataDir, 'postgres-home'));
  return note === undefined ? path.join(dataDir, 'postgres') : path.join(elsewhere, path.basename(note.trim()));
}
