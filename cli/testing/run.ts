import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { admin, type System } from '../../test/system.ts';

/** How a command ended, and what it said. */
export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON; what a test reads of it is the test's to say. */
  // oxlint-disable-next-line typescript/no-explicit-any -- an answer's shape is what tests are there to find out
  readonly json: () => any;
}

/** What a command is run with. */
export interface Running {
  /** All of its environment, but for PATH. */
  readonly environment?: Record<string, string>;
  /** Where it looks for .env. */
  readonly cwd?: string;
  /** What it finds on standard input; nothing, unless told. */
  readonly input?: string | Buffer;
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Runs the command line as a process of its own, without a terminal. */
export async function run(
  args: readonly string[],
  { environment = {}, cwd = tmpdir(), input }: Running = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Most commands read nothing, and may be gone before it is written.
  child.stdin.on('error', () => undefined).end(input);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (written[name] += chunk));
  }
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, ...written, json: () => JSON.parse(written.stdout) };
}

/** The environment in which somebody signs in to a system: the admin, unless told. */
export function as(system: System, { email, password } = admin): Record<string, string> {
  return { SIGNET_URL: system.edge, SIGNET_CLI_EMAIL: email, SIGNET_CLI_PASSWORD: password };
}
