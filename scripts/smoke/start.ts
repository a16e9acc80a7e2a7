import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** An `npm start`, or another of npm's commands that start Signet, in a terminal of its own. */
export interface Start {
  /** Everything that it wrote so far. */
  said(): string;
  /** The last lines of it, for an error. */
  wrote(): string;
  /**
   * Waits until it says that it runs.
   * @returns milliseconds from the command to there
   * @throws Error with all that it wrote, where it ends before or takes too long
   */
  running(): Promise<number>;
  /** Ctrl-C: SIGINT to every process of the terminal's foreground. Waits for the end. */
  interrupt(): Promise<Ended>;
  /** Waits for the end. @throws Error where it takes too long */
  ended(): Promise<Ended>;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from being asked to. */
  readonly took: number;
}

/** Longest first start, packages from the registry included, ms. */
const startPatience = 10 * 60_000;
/** Longest end, ms. */
const endPatience = 20_000;

/** What it says once everything runs. */
const ready = 'Signet is running. Ctrl-C stops it.';

/** Those that run now. */
const running = new Map<ChildProcess, Promise<unknown>>();

/** Ends all that still run: what fails half-way must leave nothing behind. */
export async function endAll(): Promise<void> {
  for (const child of running.keys()) signal(child, 'SIGINT');
  await Promise.race([Promise.all(running.values()), delay(endPatience, undefined, { ref: false })]);
}

/** Types `npm start` in a folder, or another command of npm's. */
export function npmStart(cwd: string, env: NodeJS.ProcessEnv, command: readonly string[] = ['start']): Start {
  const typed = ['npm', ...command].join(' ');
  const began = performance.now();
  // A session of its own, as a terminal gives it: a signal to the group is a key pressed there.
  const child = spawn('npm', command, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  let over: string | undefined;
  child.once('exit', (code, by) => {
    over = String(code ?? by);
    running.delete(child);
  });
  const end = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  running.set(child, end);
  const wrote = () => `It wrote:\n${said.trim().split('\n').slice(-20).join('\n')}`;

  async function ended(): Promise<Ended> {
    const asked = performance.now();
    const result = await Promise.race([end, delay(endPatience, undefined, { ref: false })]);
    if (!result) throw new Error(`${typed} did not end in ${endPatience / 1_000} s. ${wrote()}`);
    return { code: result[0], signal: result[1], took: performance.now() - asked };
  }

  return {
    said: () => said,
    wrote,
    async running() {
      while (!said.includes(ready)) {
        if (over) throw new Error(`${typed} ended with ${over} before it ran. ${wrote()}`);
        if (performance.now() - began > startPatience) throw new Error(`${typed} took too long. ${wrote()}`);
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
