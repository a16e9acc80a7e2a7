import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ownFolder, readPlain, replaceFile } from './plain-files.ts';

/** Thrown if another process uses the data directory. */
export class DataDirLockedError extends Error {
  override readonly name = 'DataDirLockedError';
  /** Process that holds the lock, if known. */
  readonly pid: number | undefined;

  constructor(dir: string, pid: number | undefined) {
    super(
      `another Signet${pid === undefined ? '' : ` (process ${pid})`} uses the data directory ${dir}. ` +
        'Stop it first, or set SIGNET_DATA_DIR to another directory.',
    );
    this.pid = pid;
  }
}

/** A lock of a data directory. */
export interface DataDirLock {
  /** Releases the lock. Idempotent. */
  readonly release: () => void;
}

/** Locks of this process. Without a reference a lock would be garbage-collected and released. */
const held = new Set<DatabaseSync>();

/** Timeout of waiting for other processes that try to lock at the same time and fail, ms. */
const contention = 500;

/**
 * Locks a data directory for this process, and creates it if it is missing. The lock
 * is SQLite's lock on `<dir>/lock`, and thus the operating system's: it is released
 * when the process ends, however it ends, and is never stale.
 * @throws DataDirLockedError if another process holds the lock
 * @throws UntrustedFileError if this process is root and another user may write to the directory
 */
export function lockDataDir(dir: string): DataDirLock {
  // 711: other users may traverse but not list it, because a server that runs as
  // another user has its files below. Each file has its own mode.
  ownFolder(dir, 0o711);
  const pidFile = path.join(dir, 'pid');
  const lock = new DatabaseSync(path.join(dir, 'lock'), { timeout: contention });
  try {
    // The first statement, and without exclusive locking mode: otherwise two processes
    // could each hold a shared lock and wait for the exclusive one (a deadlock).
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (isBusy(error)) throw new DataDirLockedError(dir, readPid(pidFile));
    throw error;
  }
  // Not in the lock file: closing it after a read would release the POSIX lock.
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
