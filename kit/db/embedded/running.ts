import path from 'node:path';
import { Secret } from '#kit/log/secret.ts';
import { readPlain } from '../plain-files.ts';
import { EmbeddedError } from './account.ts';
import { superuser } from './cluster.ts';
import { livePostmaster } from './postmaster.ts';

/**
 * Returns the URL of the database that another Signet process runs on a data
 * directory; undefined if none runs. Creates and starts nothing.
 * @throws EmbeddedError if this user has no access to the running database
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

/** Returns the home of a data directory's server, as home.ts has chosen it. */
function homeOf(dataDir: string, elsewhere: string): string {
  const note = readPlain(path.join(dataDir, 'postgres-home'));
  return note === undefined ? path.join(dataDir, 'postgres') : path.join(elsewhere, path.basename(note.trim()));
}
