import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../../scripts/node-flags.mjs';
import type { Command, Reply } from '../load/main.ts';
import type { Load } from '../load/work.ts';

/** A load generator, a process. */
export interface Loader {
  /** @throws Error if the command fails, with its reason */
  ask(command: Command): Promise<{ readonly load?: Load }>;
  /** Runs the open work. @throws Error on the first unexpected response */
  run(command: Omit<Extract<Command, { do: 'run' }>, 'do'>): Promise<Load>;
  stop(): void;
}

const main = fileURLToPath(new URL('../load/main.ts', import.meta.url));
const loaders = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of loaders) child.kill('SIGKILL');
});

/** Starts a load generator. */
export function startLoader(): Loader {
  const child = spawn(process.execPath, [...nodeFlags, main], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  loaders.add(child);
  const ended = once(child, 'exit').then((): never => {
    loaders.delete(child);
    throw new Error('the load generator exited');
  });
  ended.catch(() => undefined);
  async function ask(command: Command): Promise<{ readonly load?: Load }> {
    const answer = once(child, 'message').then(([reply]) => reply as Reply);
    child.send(command);
    const reply = await Promise.race([answer, ended]);
    if ('error' in reply) throw new Error(reply.error);
    return reply;
  }
  return {
    ask,
    async run(command) {
      const { load } = await ask({ do: 'run', ...command });
      if (!load) throw new Error('no load');
      return load;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
