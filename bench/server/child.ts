import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Memory, Question, Stall, Usage } from './meter.ts';
import { ours, type Tree } from './tree.ts';

/** A file of a tree, run in a child process. */
export interface Child {
  /** Name in the tables. */
  readonly name: string;
  /** Its standard error, and its standard output if `reads` is set. */
  output(): string;
  usage(): Promise<Usage>;
  /** Its memory after a garbage collection. */
  memory(): Promise<Memory>;
  /** 99th percentile of the delay of its event loop since the last call, ms; the first call begins to measure. */
  delay(): Promise<number>;
  /** Its longest stall since the last call; the first call begins to measure. */
  stall(): Promise<Stall>;
  /** Resolves when its output contains a text. @throws Error if it ends before */
  says(text: string): Promise<void>;
  /** Rejects when it ends. */
  readonly ended: Promise<never>;
  /** Sends SIGTERM and waits for the end. @throws Error if the exit code is not 0 */
  stop(): Promise<void>;
}

/** How to start a child. */
export interface ChildOptions {
  readonly name: string;
  /** Default: the tree of this file. */
  readonly tree?: Tree;
  /** Path from the tree's folder. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Working directory, from which it reads `.env`. */
  readonly cwd: string;
  /** Whether to read its standard output; otherwise it is discarded (`/dev/null`). */
  readonly reads?: boolean;
}

const meter = new URL('meter.ts', import.meta.url).href;

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Ends all running children. */
export async function stopChildren(): Promise<void> {
  const ended = [...children].map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(ended);
}

/** Starts a file as `npm start` would, with the meter loaded. */
export function startChild({ name, tree = ours, file, environment, cwd, reads = false }: ChildOptions): Child {
  const child = spawn(tree.node, [...tree.flags, '--expose-gc', '--import', meter, path.join(tree.root, file)], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_COMPILE_CACHE: path.join(tree.root, 'node_modules', '.cache', 'node'),
      ...environment,
    },
    stdio: ['ignore', reads ? 'pipe' : 'ignore', 'pipe', 'ipc'],
  });
  children.add(child);
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const listener of listeners) listener();
    });
  }
  let stopping = false;
  const exited = once(child, 'exit').then(([code, signal]) => {
    children.delete(child);
    return { code: code as number | null, signal: signal as string | null };
  });
  const ended = exited.then(({ code, signal }): Promise<never> => {
    if (stopping) return new Promise(() => undefined);
    throw new Error(`${name} ended with ${signal ?? code}:\n${output}`);
  });
  ended.catch(() => undefined);

  async function ask<T>(question: Question): Promise<T> {
    const answer = once(child, 'message').then(([value]) => value as T);
    child.send(question);
    return Promise.race([answer, ended]);
  }

  return {
    name,
    output: () => output,
    usage: () => ask<Usage>('usage'),
    memory: () => ask<Memory>('memory'),
    delay: () => ask<number>('delay'),
    stall: () => ask<Stall>('stall'),
    ended,
    says: (text) =>
      Promise.race([
        ended,
        new Promise<void>((resolve) => {
          const check = () => {
            if (!output.includes(text)) return;
            listeners.delete(check);
            resolve();
          };
          listeners.add(check);
          check();
        }),
      ]),
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const { code, signal } = await exited;
      if (code !== 0) throw new Error(`${name} ended with ${signal ?? code}:\n${output}`);
    },
  };
}
