import { databaseFault } from '#kit/errors/database-fault.ts';

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
  const fault = databaseFault(error, 'DATABASE_URL');
  if (fault !== undefined) return fault;
  const code = 'code' in error ? String(error.code) : '';
  if (/^(EACCES|EROFS|EPERM|ENOSPC)$/.test(code)) return `cannot write a file: ${error.message}`;
  return error.stack ?? error.message;
}
