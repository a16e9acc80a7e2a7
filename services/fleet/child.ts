import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { StartError } from '#kit/process/start-error.ts';
import { type Message, type Ready, supervised } from '#kit/process/supervisor.ts';
import { nodeFlags } from '../../scripts/node-flags.mjs';

/** A service in a process of its own, which ends when this process does, whatever ended it. */
export interface Child {
  /** What it said when it had started. Rejects with its words where it ends before. */
  readonly ready: Promise<Ready>;
  /** Resolves once it can work. */
  readonly serving: Promise<void>;
  /** How it ended, in a word: an exit code or a signal. */
  readonly ended: Promise<string>;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
}

/** How to start one. */
export interface ChildOptions {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what it writes, errors too. Without it, that goes where ours goes. */
  readonly output?: ((text: string) => void) | undefined;
}

/** So much of what a process wrote to standard error is kept, characters. */
const wordsMost = 4_000;

/** Starts `services/<name>/main.ts`. */
export function startChild({ name, environment, output }: ChildOptions): Child {
  const main = fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [...nodeFlags, main], {
    env: { ...environment, [supervised]: '1' },
    // Standard error is where a start that failed says why: that is passed on with the service's name.
    stdio: ['ignore', output ? 'pipe' : 'inherit', 'pipe', 'ipc'],
  });
  let words = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => output?.(text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-wordsMost);
    if (output) output(text);
    else process.stderr.write(text.replaceAll(/^(?!$)/gm, `${name}: `));
  });
  const failed = Promise.withResolvers<string>();
  child.once('error', (error) => failed.resolve(error.message));
  // Not before its last words are read.
  const closed = once(child, 'close').then(([code, signal]) => String(signal ?? code));
  const ended = Promise.race([closed, failed.promise]);
  const [said, serving] = [Promise.withResolvers<Ready>(), Promise.withResolvers<void>()];
  child.on('message', (message: Message) => {
    if ('ready' in message) said.resolve(message.ready);
    else serving.resolve();
  });
  const ready = Promise.race([
    said.promise,
    ended.then((how): never => {
      const last = words.trim().replaceAll(/^signet: /gm, '');
      throw new StartError(`${name} ended with ${how} before it had started${last ? `:\n${indent(last)}` : ''}`);
    }),
  ]);
  ready.catch(() => undefined);
  return { ready, serving: serving.promise, ended, kill: (signal) => void child.kill(signal) };
}

function indent(text: string): string {
  return text.replaceAll(/^(?!$)/gm, '  ');
}
