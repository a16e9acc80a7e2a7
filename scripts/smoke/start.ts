import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** A running `npm start`, or another npm command that starts Signet, in a separate process group. */
export interface Start {
  /** The output so far. */
  output(): string;
  /** The last lines of the output, for an error message. */
  lastLines(): string;
  /**
   * Waits until Signet reports that it is running.
   * @returns duration of the start, ms
   * @throws Error with the output, if it ends before or takes too long
   */
  running(): Promise<number>;
  /** Presses Ctrl-C: sends SIGINT to the process group and waits for the end. */
  interrupt(): Promise<Ended>;
  /** Waits for the end. @throws Error if it takes too long */
  ended(): Promise<Ended>;
}

/** The end of a process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Time since the request, ms. */
  readonly took: number;
}

/** Timeout of a start, including the installation of packages, ms. */
const startTimeout = 10 * 60_000;
/** Timeout of the end, ms. */
const endTimeout = 20_000;

/** The line that reports a successful start. */
const ready = 'Signet is running. Ctrl-C stops it.';

/** Running starts. */
const running = new Map<ChildProcess, Promise<unknown>>();

/** Ends all running starts, after a failure. */
export async function endAll(): Promise<void> {
  for (const child of running.keys()) signal(child, 'SIGINT');
  await Promise.race([Promise.all(running.values()), delay(endTimeout, undefined, { ref: false })]);
}

/** Runs `npm start` in a folder, or another npm command. */
export function npmStart(cwd: string, env: NodeJS.ProcessEnv, command: readonly string[] = ['start']): Start {
  const typed = ['npm', ...command].join(' ');
  const began = performance.now();
  // A separate session, as in a terminal: a signal to the group simulates a key press.
  const child = spawn('npm', command, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  let exited: string | undefined;
  child.once('exit', (code, by) => {
    exited = String(code ?? by);
    running.delete(child);
  });
  const end = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  running.set(child, end);
  const lastLines = () => `Output:\n${output.trim().split('\n').slice(-20).join('\n')}`;

  async function ended(): Promise<Ended> {
    const requestedAt = performance.now();
    const result = await Promise.race([end, delay(endTimeout, undefined, { ref: false })]);
    if (!result) throw new Error(`${typed} did not end in ${endTimeout / 1_000} s. ${lastLines()}`);
    return { code: result[0], signal: result[1], took: performance.now() - requestedAt };
  }

  return {
    output: () => output,
    lastLines,
    async running() {
      while (!output.includes(ready)) {
        if (exited) throw new Error(`${typed} exited with ${exited} during its start. ${lastLines()}`);
        if (performance.now() - began > startTimeout) throw new Error(`${typed} took too long. ${lastLines()}`);
        await delay(10);
      }
      return performance.now() - began;
    },
    interrupt() {
      signal(child, 'SIGINT');
      return ended();
    },
    ended,
  };
}

function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // The group has ended by itself.
  }
}
