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

/**
 * Files in folders that a less privileged user may have prepared. Started by root, this process must not be led by a
 * link to a file of its choosing: every open here refuses links, whether symbolic or hard, and anything but a plain file.
 */

/** Thrown where a file or folder cannot be trusted; says which and what to do. */
export class UntrustedFileError extends Error {
  override readonly name = 'UntrustedFileError';
}

/** Windows has neither. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/** Whether this process may change every user's files. */
export const isRoot = process.getuid?.() === 0;

/** Most that is read of a small file, bytes. */
const small = 64 * 1024;

/** Reads a small text file. Undefined where it does not exist. @throws UntrustedFileError where it is no plain file */
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

/** Replaces a file as a whole: what had its name, a link for example, is not written to. */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode, flag: 'wx' });
  renameSync(draft, file);
}

/** Writes to a file that another user owns, in place. @throws UntrustedFileError where it is no plain file of theirs */
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

/** Opens a file to append to, making it where it is missing. @throws UntrustedFileError where it is no plain file */
export function openToAppend(file: string, mode = 0o600): number {
  const fd = openPlain(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, mode);
  if (fd === undefined) throw untrusted(file, 'cannot be made');
  return fd;
}

/** What a file or folder is, without following a link. Undefined where it does not exist. */
export function look(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/**
 * Opens a folder that only this user may write in, making it where it is missing; answers its path without links. As
 * root: neither the folder nor a link to it belongs to another user, no other user may write in it, and its parent lets
 * no other user replace it.
 * @throws UntrustedFileError where that is not so
 */
export function ownFolder(dir: string, mode: number): string {
  const link = look(dir);
  if (isRoot && link && link.uid !== 0) throw untrusted(dir, `belongs to user ${link.uid}`);
  mkdirSync(dir, { recursive: true, mode });
  const real = realpathSync(dir);
  if (!isRoot) return real;
  const found = statSync(real);
  if (found.uid !== 0) throw untrusted(real, `belongs to user ${found.uid}`);
  if (found.mode & 0o022) throw untrusted(real, 'may be written by other users');
  const above = statSync(`${real}/..`);
  // Sticky, as /tmp is, it lets only owners rename.
  if (above.mode & 0o002 && !(above.mode & 0o1000)) throw untrusted(`${real}/..`, 'may be written by every user');
  return real;
}

/**
 * As root, takes over a folder that belongs to another user, so that they can put no links into it.
 * @throws UntrustedFileError where it is no folder
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
 * As root, takes over a file of a folder that is root's already. One that does not exist is fine.
 * @throws UntrustedFileError where it is no plain file
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
    // Without blocking: a named pipe would never open.
    fd = openSync(file, flags | O_NOFOLLOW | O_NONBLOCK, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw untrusted(file, 'is not a plain file');
    throw error;
  }
  const found = fstatSync(fd);
  // A second name of a file, made where the system allows it, leads to that file as a symbolic link does.
  if (found.isFile() && found.nlink === 1) return fd;
  closeSync(fd);
  throw untrusted(file, found.isFile() ? 'has a second name (a hard link)' : 'is not a plain file');
}

function untrusted(file: string, why: string): UntrustedFileError {
  const rule = isRoot ? ' Started by root, Signet uses no file that another user can replace (docs/operating.md).' : '';
  return new UntrustedFileError(`${file} ${why}.${rule}`);
}
