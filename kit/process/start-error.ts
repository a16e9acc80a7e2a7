import { isDatabaseAway } from '#kit/errors/away.ts';
import { sqlStateOf } from '#kit/errors/sql-state.ts';

/** Why a process can't start, in words that whoever started it can act on. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Opens something on a port.
 * @throws StartError naming the port and the key that changes it, where the port is taken
 */
export async function onPort<T>(port: number, key: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!/EADDRINUSE|EACCES/.test(String(error))) throw error;
    const why = String(error).includes('EACCES') ? 'may not be used by this user' : 'is taken by another process';
    throw new StartError(`port ${port} ${why}. Set ${key} to another one, in the environment or in .env.`, {
      cause: error,
    });
  }
}

/** Errors whose message is all that a person needs. */
const plain = new Set([
  'ConfigError',
  'StartError',
  'FirstAdminError',
  'DataDirLockedError',
  'EmbeddedError',
  'MigrationError',
  'UntrustedFileError',
]);

/** What went wrong at start: a sentence where we have one, the stack where we have not. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (plain.has(error.name)) return error.message;
  const code = sqlStateOf(error) ?? ('code' in error ? String(error.code) : '');
  const database = ofDatabase[code];
  if (database) return `the database of DATABASE_URL ${database}: ${error.message}`;
  if (isDatabaseAway(error)) return `the database of DATABASE_URL does not answer (${code || error.message})`;
  if (/^(EACCES|EROFS|EPERM|ENOSPC)$/.test(code)) return `no file can be written: ${error.message}`;
  return error.stack ?? error.message;
}

/** What PostgreSQL says of a URL that leads to it and no further (its Appendix A). */
const ofDatabase: Record<string, string> = {
  '25006': 'is read-only',
  '53100': 'has no disk space left',
  '53300': 'has no connection left',
  '28000': 'lets this user not in',
  '28P01': 'refuses the password',
  '3D000': 'is not there',
  '42501': 'does not let this user make tables',
  ENOTFOUND: 'has a host that nobody knows',
};
