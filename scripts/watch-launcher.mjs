// Notices that npm, which started us, is gone. npm passes only SIGINT and SIGTERM on, and only to the shell that it
// runs a script in, which passes nothing on: a signal that ends either of them leaves us behind. Plain JavaScript that
// Node 18 understands.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** How often we look, ms. */
const every = 250;

/**
 * Calls `gone` once npm, or the shell between it and us, has ended. Does nothing where npm did not start us: then the
 * parent may be a person's shell, which leaves its background jobs running when it ends.
 * @param {() => void} gone
 */
export function watchLauncher(gone) {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const parent = process.ppid;
  const npm = isShell(parent) ? inspect(parent).parent : parent;
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === parent || isParent(npm, parent))) return;
    clearInterval(timer);
    gone();
  }, every);
  timer.unref();
}

/** Whether a process is the shell that npm runs a script in: its command line has ours in it. */
function isShell(pid) {
  const { command } = inspect(pid);
  return command.includes(path.basename(process.argv[1])) && /^\S*sh\b/.test(command);
}

/** Whether `parent` still is the parent of `pid`; a process whose parent ends gets another one. */
function isParent(parent, pid) {
  if (process.platform === 'linux') return inspect(pid).parent === parent;
  try {
    process.kill(parent, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** A process's parent and command line. */
function inspect(pid) {
  try {
    if (process.platform !== 'linux') {
      const [, parent, command] = /^\s*(\d+)\s+(.*)$/s.exec(
        execFileSync('ps', ['-ww', '-o', 'ppid=,args=', '-p', String(pid)], { encoding: 'utf8' }),
      );
      return { parent: Number(parent), command };
    }
    // After the name, in parentheses, that may hold anything: the state, then the parent.
    const [, parent] = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { parent: Number(parent), command: fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch {
    return { parent: undefined, command: '' };
  }
}
