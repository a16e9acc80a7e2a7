import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { StartError } from '#kit/process/start-error.ts';
import { type Message, type Ready, supervised } from '#kit/process/supervisor.ts';
import { nodeFlags } from '../../scripts/node-flags.mjs';

/** A service in a child process, which ends when this process ends for any reason. */
export interface Child {
  /** Resolves when the process has started. Rejects with its error output if it exits before. */
  readonly ready: Promise<Ready>;
  /** Resolves when the service is ready. */
  readonly serving: Promise<void>;
  /** The exit code or signal of the process. */
  readonly ended: Promise<string>;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
}

/** How to start a child. */
export interface ChildOptions {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Receives its standard output and standard error. Default: this process's. */
  readonly output?: ((text: string) => void) | undefined;
}

/** Characters of standard error that are kept for the error message. */
const maxKept = 4_000;

/** Starts `services/<name>/main.ts`. */
export function startChild({ name, environment, output }: ChildOptions): Child {
  const main = fileURLToPath(new URL(`../${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [...nodeFlags, main], {
    env: { ...environment, [supervised]: '1' },
    // A failed start explains itself on standard error, which is forwarded with the service's name.
    stdio: ['ignore', output ? 'pipe' : 'inherit', 'pipe', 'ipc'],
  });
  let errorOutput = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => output?.(text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errorOutput = (errorOutput + text).slice(-maxKept);
    if (output) output(text);
    else process.stderr.write(text.replaceAll(/^(?!$)/gm, `${name}: `));
  });
  const failed = Promise.withResolvers<string>();
  child.once('error', (error) => failed.resolve(error.message));
  // 'close' comes after all output has been read.
  const closed = once(child, 'close').then(([code, signal]) => String(signal ?? code));
  const ended = Promise.race([closed, failed.promise]);
  const [started, serving] = [Promise.withResolvers<Ready>(), Promise.withResolvers<void>()];
  child.on('message', (message: Message) => {
    if ('ready' in message) started.resolve(message.ready);
    else serving.resolve();
  });
  const ready = Promise.race([
    started.promise,
    ended.then((how): never => {
      const last = errorOutput.trim().replaceAll(/^signet: /gm, '');
      throw new StartError(`${name} exited with ${how} during its start${last ? `:\n${indent(last)}` : ''}`);
    }),
  ]);
  ready.catch(() => undefined);
  return { ready, serving: serving.promise, ended, kill: (signal) => void child.kill(signal) };
}

function indent(text: string): string {
  return text.replaceAll(/^(?!$)/gm, '  ');
}
