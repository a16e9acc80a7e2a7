import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { look, readPlain, rewritePlain } from '../plain-files.ts';

/** A server, according to postmaster.pid in its data directory. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Whether it accepts connections. */
  readonly ready: boolean;
}

/**
 * Reads a data directory's postmaster.pid. Returns undefined without a server, or if the file is incomplete.
 * @throws UntrustedFileError if the file is a link, because root reads and writes it in a folder of another user
 */
export function readPostmaster(data: string): Postmaster | undefined {
  const lines = (readPlain(path.join(data, 'postmaster.pid')) ?? '').split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  return { pid, port: Number.parseInt(lines[3] ?? '', 10), ready: lines[7]?.trim() === 'ready' };
}

/** Returns the running server of a data directory; undefined if none runs, whatever postmaster.pid says. */
export function livePostmaster(data: string): Postmaster | undefined {
  const found = readPostmaster(data);
  return found && isPostmaster(found.pid, data) ? found : undefined;
}

/**
 * Returns whether a process is the server of a data directory. Process ids are reused,
 * and other processes must not be waited for or stopped. The process must run as the
 * owner of the data: that owner writes postmaster.pid, and root must not signal
 * another user's process because of it.
 */
export function isPostmaster(pid: number, data: string): boolean {
  if (!isAlive(pid)) return false;
  const command = commandOf(pid);
  return command === undefined || (command.includes(data) && ownerOf(pid, data) === look(data)?.uid);
}

/** Returns the user of a process; if the system does not provide it, the owner of the data. */
function ownerOf(pid: number, data: string): number | undefined {
  if (process.platform !== 'linux') return look(data)?.uid;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** Returns whether a process runs and this process may signal it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Replaces the process id in postmaster.pid after the id was reused by another
 * process, because PostgreSQL only checks whether that process runs. The file must
 * stay: it refers to the shared memory through which orphans of the dead server may
 * still write to the data.
 */
export function disown(data: string): void {
  const file = path.join(data, 'postmaster.pid');
  const text = readPlain(file) ?? '';
  rewritePlain(file, look(data)?.uid ?? 0, text.replace(/^\d+/, String(impossiblePid)));
}

/** Above the process ids of any system. */
const impossiblePid = 2_147_483_646;

/** Returns a process's command line; undefined if the system does not provide it. */
function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    if (process.platform === 'win32') return undefined;
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}
