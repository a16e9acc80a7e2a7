import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

/**
 * Files in folders that a less privileged user can write to. If this process runs as root, such a user must not be able
 * to redirect it to other files: all functions here reject symbolic links, hard links and anything but regular files.
 */

/** Thrown if a file or folder cannot be trusted. The message says which and what to do. */
export class UntrustedFileError extends Error {
  override readonly name = 'UntrustedFileError';
}

/** Both are missing on Windows. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/** Whether this process runs as root. */
export const isRoot = process.getuid?.() === 0;

/** Maximum size of a small file, bytes. The rest is not read. */
const small = 64 * 1024;

/** Reads a small text file. Returns undefined if it does not exist. @throws UntrustedFileError if it is not a plain file */
export function readPlain(file: string): string | undefined {
  const fd = openPlain(file, constants.O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const buffer = Buffer.alloc(small);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, small, 0));
  } finally {
    closeSync(fd);
  }
}

/** Replaces a file atomically. A link with its name is replaced, not followed. */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode, flag: 'wx' });
  renameSync(draft, file);
}

/** Overwrites a file that another user owns, in place. @throws UntrustedFileError if it is not a plain file of that user */
export function rewritePlain(file: string, owner: number, text: string): void {
  const fd = openPlain(file, constants.O_WRONLY);
  if (fd === undefined) return;
  try {
    if (isRoot && fstatSync(fd).uid !== owner) throw untrusted(file, 'belongs to another user');
    ftruncateSync(fd);
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** Opens a file for appending, creating it if missing. @throws UntrustedFileError if it is not a plain file */
export function openToAppend(file: string, mode = 0o600): number {
  const fd = openPlain(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, mode);
  if (fd === undefined) throw untrusted(file, 'cannot be created');
  return fd;
}

/** Returns the status of a file or folder without following links; undefined if it does not exist. */
export function look(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/**
 * Checks a folder, creating it if missing, and returns its real path. If this process is root: the folder and a link to
 * it must belong to root, other users must not have write access, and must not be able to replace it in its parent.
 * @throws UntrustedFileError otherwise
 */
export function ownFolder(dir: string, mode: number): string {
  const link = look(dir);
  if (isRoot && link && link.uid !== 0) throw untrusted(dir, `belongs to user ${link.uid}`);
  makeFolder(dir, mode);
  const real = realpathSync(dir);
  if (!isRoot) return real;
  const found = statSync(real);
  if (found.uid !== 0) throw untrusted(real, `belongs to user ${found.uid}`);
  if (found.mode & 0o022) throw untrusted(real, 'is writable by other users');
  const above = statSync(`${real}/..`);
  // With the sticky bit, as on /tmp, only owners may rename files.
  if (above.mode & 0o002 && !(above.mode & 0o1000)) throw untrusted(`${real}/..`, 'is writable by every user');
  return real;
}

/** Creates a folder and those above it. Node's `recursive` never returns where the file system refuses a folder with ENOENT, as /proc does. */
function makeFolder(dir: string, mode: number): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return;
  makeFolder(path.dirname(dir), mode);
  try {
    mkdirSync(dir, { mode });
  } catch (error) {
    // Another process created it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw error;
  }
}

/**
 * Changes the owner of a folder to root, so that the former owner cannot create links in it.
 * @throws UntrustedFileError if it is not a folder
 */
export function takeFolder(dir: string, mode: number): void {
  const found = look(dir);
  if (!found?.isDirectory()) throw untrusted(dir, 'is not a folder');
  const fd = openSync(dir, constants.O_RDONLY | O_NOFOLLOW | constants.O_DIRECTORY);
  try {
    fchownSync(fd, 0, 0);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

/**
 * Changes the owner of a file, if it exists, to root. The folder must belong to root already.
 * @throws UntrustedFileError if it is not a plain file
 */
export function takeFile(file: string): void {
  const fd = openPlain(file, constants.O_RDONLY);
  if (fd === undefined) return;
  fchownSync(fd, 0, 0);
  closeSync(fd);
}

function openPlain(file: string, flags: number, mode?: number): number | undefined {
  let fd: number;
  try {
    // Non-blocking: opening a named pipe would block forever.
    fd = openSync(file, flags | O_NOFOLLOW | O_NONBLOCK, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw untrusted(file, 'is not a plain file');
    throw error;
  }
  const found = fstatSync(fd);
  // A hard link gives access to another file, like a symbolic link.
  if (found.isFile() && found.nlink === 1) return fd;
  closeSync(fd);
  throw untrusted(file, found.isFile() ? 'has a hard link' : 'is not a plain file');
}

function untrusted(file: string, why: string): UntrustedFileError {
  const rule = isRoot ? ' As root, Signet refuses files that another user can replace (docs/operating.md).' : '';
  return new UntrustedFileError(`${file} ${why}.${rule}`);
}
