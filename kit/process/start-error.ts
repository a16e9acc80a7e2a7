import { databaseFault } from '#kit/errors/database-fault.ts';

/** A start error with a message for the operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Errors of opening a port, and the keys that correct them. */
const portErrors: readonly (readonly [RegExp, (port: number, key: string) => string])[] = [
  [
    /EADDRINUSE/,
    (port, key) =>
      `port ${port} is in use by another process. Set ${key} to another port, in the environment or in .env.`,
  ],
  [
    /EACCES/,
    (port, key) =>
      `port ${port} may not be used by this user. Set ${key} to another port, in the environment or in .env.`,
  ],
  [
    /EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|EINVAL|EAFNOSUPPORT|Name resolution failed/,
    () => `SIGNET_HOST is not an address of this machine. Set it to one, such as 127.0.0.1, or to 0.0.0.0 for all.`,
  ],
];

/**
 * Opens a server on a port.
 * @throws StartError naming the configuration key, if the port is in use or forbidden, or the host is not of this machine
 */
export async function onPort<T>(port: number, key: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const [, sentence] = portErrors.find(([pattern]) => pattern.test(String(error))) ?? [];
    if (!sentence) throw error;
    throw new StartError(sentence(port, key), { cause: error });
  }
}

/**
 * Runs work that reads and writes files of the data directory.
 * @throws StartError naming the directory and its key, in place of an error of the file system
 */
export async function inDataDirectory<T>(dir: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // SQLite, whose lock the data directory has, reports all its errors with one code.
    if (
      !/^(EACCES|EDQUOT|EEXIST|EIO|EISDIR|ELOOP|ENAMETOOLONG|ENOENT|ENOSPC|ENOTDIR|EPERM|EROFS|ERR_SQLITE_ERROR)$/.test(
        code ?? '',
      )
    ) {
      throw error;
    }
    throw new StartError(
      `cannot use the data directory ${dir} (${message}). Set SIGNET_DATA_DIR to a directory that this user may write to.`,
      { cause: error },
    );
  }
}

/** Errors whose message is enough for the operator, without a stack. */
const withoutStack = new Set([
  'CertificateError',
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
