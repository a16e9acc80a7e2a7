import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '#kit/testing/child.ts';
import { createCli } from '../cli.ts';
import { createOutput } from '../output.ts';
import { runCommand } from '../run.ts';
import type { Terminal } from '../terminal.ts';
import { admin, type System } from '../../test/system.ts';

/** Exit code and output of a command. */
export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Parses standard output as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests check the shape
  readonly json: () => any;
}

/** How to run a command. */
export interface Running {
  /** Its environment, in addition to PATH. */
  readonly environment?: Record<string, string>;
  /** Working directory, where it reads .env. */
  readonly cwd?: string;
  /** Standard input; empty by default. */
  readonly input?: string | Buffer;
}

/** Runs a command without a terminal: in this process, or in a child process if it reads .env or standard input. */
export async function run(args: readonly string[], running: Running = {}): Promise<Ended> {
  if (running.cwd !== undefined || running.input !== undefined) return spawned(args, running);
  const written = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof written) => ({
    isTTY: false,
    write: (text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    },
  });
  const [stdout, stderr] = [stream('stdout'), stream('stderr')];
  const output = createOutput(stdout, stderr);
  const { environment = {} } = running;
  const exit = await runCommand(createCli({ environment, output, terminal: noTerminal }), args);
  return { exit, ...written, json: () => JSON.parse(written.stdout) };
}

const noTerminal: Terminal = {
  isInteractive: false,
  ask: () => Promise.reject(new Error('prompted without a terminal')),
  askHidden: () => Promise.reject(new Error('prompted without a terminal')),
};

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Runs the command line in a child process, without a terminal. */
async function spawned(args: readonly string[], { environment = {}, cwd = tmpdir(), input }: Running): Promise<Ended> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    cwd,
    env: { ...childEnvironment, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Most commands ignore standard input and may exit before it is written.
  child.stdin.on('error', () => undefined).end(input);
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (written[name] += chunk));
  }
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, ...written, json: () => JSON.parse(written.stdout) };
}

/** The environment that signs in to a system, by default as the admin. */
export function as(system: System, { email, password } = admin): Record<string, string> {
  return { SIGNET_URL: system.edge, SIGNET_CLI_EMAIL: email, SIGNET_CLI_PASSWORD: password };
}
