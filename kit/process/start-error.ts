import { isDatabaseAway } from '#kit/errors/away.ts';
import { sqlStateOf } from '#kit/errors/sql-state.ts';

/** A start error with a message for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * Opens a server on a port.
 * @throws StartError naming the port and its configuration key, if the port is in use or forbidden
 */
export async function onPort<T>(port: number, key: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!/EADDRINUSE|EACCES/.test(String(error))) throw error;
    const why = String(error).includes('EACCES') ? 'may not be used by this user' : 'is in use by another process';
    throw new StartError(`port ${port} ${why}. Set ${key} to another port, in the environment or in .env.`, {
      cause: error,
    });
  }
}

/** Errors whose message is enough for the operator, without a stack. */
const withoutStack = new Set([
  'ConfigError',
  'StartError',
  'FirstAdminError',
  'DataDirLockedError',
  'EmbeddedError',
  'MigrationError',
  'UntrustedFileError',
]);

/** Describes a start error: a sentence for a known error, the stack for any other. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (withoutStack.has(error.name)) return error.message;
  const code = sqlStateOf(error) ?? ('code' in error ? String(error.code) : '');
  const known = databaseErrors[code];
  if (known) return `${known}: ${error.message}`;
  if (isDatabaseAway(error)) return `the database of DATABASE_URL does not respond (${code || error.message})`;
  if (/^(EACCES|EROFS|EPERM|ENOSPC)$/.test(code)) return `cannot write a file: ${error.message}`;
  return error.stack ?? error.message;
}

/** Errors of connecting to DATABASE_URL, by SQLSTATE (PostgreSQL manual, appendix A) or Node's code. */
const databaseErrors: Record<string, string> = {
  '25006': 'the database of DATABASE_URL is read-only',
  '53100': 'the database of DATABASE_URL has no disk space left',
  '53300': 'the database of DATABASE_URL has no free connection',
  '28000': 'PostgreSQL rejected the user of DATABASE_URL',
  '28P01': 'PostgreSQL rejected the password of DATABASE_URL',
  '3D000': 'the database of DATABASE_URL does not exist',
  '42501': 'the user of DATABASE_URL may not create tables',
  ENOTFOUND: 'the host of DATABASE_URL is unknown',
};
