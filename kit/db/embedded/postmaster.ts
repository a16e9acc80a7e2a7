import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { look, readPlain, rewritePlain } from '../plain-files.ts';

/** What a server writes of itself into its data directory. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** True once it takes connections. */
  readonly ready: boolean;
}

/**
 * Reads a data directory's postmaster.pid. Undefined: no server, or it has only begun to write.
 * @throws UntrustedFileError where the file is a link: as root, we read and write it in a folder of another user
 */
export function readPostmaster(data: string): Postmaster | undefined {
  const lines = (readPlain(path.join(data, 'postmaster.pid')) ?? '').split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  return { pid, port: Number.parseInt(lines[3] ?? '', 10), ready: lines[7]?.trim() === 'ready' };
}

/** The server that lives on a data directory. Undefined: none, whatever postmaster.pid says. */
export function livePostmaster(data: string): Postmaster | undefined {
  const found = readPostmaster(data);
  return found && isPostmaster(found.pid, data) ? found : undefined;
}

/**
 * Tells whether a process is the server of a data directory: process ids are
 * used again, and a stranger must be neither waited for nor stopped. It runs as
 * the owner of the data: root signals no process of another user on the word of
 * a file that this owner writes.
 */
export function isPostmaster(pid: number, data: string): boolean {
  if (!isAlive(pid)) return false;
  const command = commandOf(pid);
  return command === undefined || (command.includes(data) && ownerOf(pid, data) === look(data)?.uid);
}

/** The user that a process runs as; where the system does not tell, the owner of the data. */
function ownerOf(pid: number, data: string): number | undefined {
  if (process.platform !== 'linux') return look(data)?.uid;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** Tells whether a process lives and is ours to signal. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes PostgreSQL see that the process that postmaster.pid names is gone, where
 * its id has gone to a stranger: PostgreSQL asks only whether it lives. The file
 * must stay, for it leads to the shared memory that orphans of the dead server
 * may still be writing to the data through.
 */
export function disown(data: string): void {
  const file = path.join(data, 'postmaster.pid');
  const text = readPlain(file) ?? '';
  rewritePlain(file, look(data)?.uid ?? 0, text.replace(/^\d+/, String(impossiblePid)));
}

/** No system has process ids this high. */
const impossiblePid = 2_147_483_646;

/** A process's command line; undefined where the system won't tell. */
function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}
