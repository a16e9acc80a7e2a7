import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ownFolder, readPlain, replaceFile } from './plain-files.ts';

/** Thrown when another process works on the data directory. */
export class DataDirLockedError extends Error {
  override readonly name = 'DataDirLockedError';
  /** Process that holds the directory, where that is known. */
  readonly pid: number | undefined;

  constructor(dir: string, pid: number | undefined) {
    super(
      `another Signet${pid === undefined ? '' : ` (process ${pid})`} runs on the data directory ${dir}. ` +
        'Stop it first, or set SIGNET_DATA_DIR to another directory.',
    );
    this.pid = pid;
  }
}

/** A lock that is held. */
export interface DataDirLock {
  /** Lets the next process have the directory. Twice is as good as once. */
  readonly release: () => void;
}

/** Locks of this process: one that nobody held on to would be collected, and let go in silence. */
const held = new Set<DatabaseSync>();

/** How long to wait for contenders that are about to find out that they lost, ms. */
const contention = 500;

/**
 * Takes a data directory for this process alone, making it where it is missing.
 * The lock is SQLite's lock on `<dir>/lock`, hence the operating system's: it
 * ends with the process, however that ends, and never grows stale.
 * @throws DataDirLockedError when another process has it
 * @throws UntrustedFileError where we are root and another user may write in it
 */
export function lockDataDir(dir: string): DataDirLock {
  // Others may pass through, not look: a server run for root by another user
  // has its files below. Files in here are closed to others one by one.
  ownFolder(dir, 0o711);
  const pidFile = path.join(dir, 'pid');
  const lock = new DatabaseSync(path.join(dir, 'lock'), { timeout: contention });
  try {
    // Nothing before it, and no exclusive locking mode: either would keep a shared
    // lock while it waits for the exclusive one, and of two contenders neither would win.
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (isBusy(error)) throw new DataDirLockedError(dir, readPid(pidFile));
    throw error;
  }
  // Not inside the lock file: reading that one would drop our own POSIX lock.
  replaceFile(pidFile, `${process.pid}\n`, 0o644);
  held.add(lock);
  return {
    release() {
      held.delete(lock);
      if (lock.isOpen) lock.close();
    },
  };
}

/** SQLITE_BUSY. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readPlain(file) ?? '', 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
