// Detects that npm, which started this process, has ended. npm forwards only SIGINT and SIGTERM, and only to the shell
// in which it runs a script; the shell forwards nothing. A signal that ends either of them would leave this process
// running. Plain JavaScript for Node 18.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Poll interval, ms. */
const every = 250;

/**
 * Calls `gone` when npm, or the shell between it and this process, has ended. Does nothing if npm did not start this
 * process: then the parent may be an interactive shell, which leaves its background jobs running when it ends.
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

/** Whether a process is the shell in which npm runs a script: its command line contains this program. */
function isShell(pid) {
  const { command } = inspect(pid);
  return command.includes(path.basename(process.argv[1])) && /^\S*sh\b/.test(command);
}

/** Whether `parent` is still the parent of `pid`; an orphaned process gets another parent. */
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
    // The name in parentheses may contain any character; the state and the parent follow it.
    const [, parent] = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { parent: Number(parent), command: fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch {
    return { parent: undefined, command: '' };
  }
}
