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
const plain = new Set(['ConfigError', 'StartError', 'DataDirLockedError', 'EmbeddedError', 'MigrationError']);

/** What went wrong at start: a sentence where we have one, the stack where we have not. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return plain.has(error.name) ? error.message : (error.stack ?? error.message);
}
