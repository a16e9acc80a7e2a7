import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Result of commands. */
export interface Pasted {
  /** Standard output. */
  readonly output: string;
  /** Standard error. */
  readonly errors: string;
  /** Exit status of the last one. */
  readonly status: number;
}

/** A shell for commands; it keeps its variables between them. */
export interface Shell {
  /** Runs commands. @throws Error if they take longer than a minute or end the shell */
  paste(commands: string): Promise<Pasted>;
  close(): void;
}

/** Timeout of commands, ms. */
const timeout = 60_000;

/** Opens a plain `sh`. */
export function openShell(cwd: string, env: NodeJS.ProcessEnv): Shell {
  const child = spawn('sh', [], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const received = { output: '', errors: '' };
  let checkEnd: (() => void) | undefined;
  for (const [name, stream] of [['output', child.stdout] as const, ['errors', child.stderr] as const]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      received[name] += text;
      checkEnd?.();
    });
  }
  child.stdin.on('error', () => undefined);

  return {
    async paste(commands) {
      // Marks the end of the commands' output on both streams.
      const mark = `--- ${randomBytes(8).toString('hex')}`;
      const end = new RegExp(`\\n?${mark} (\\d+)\\n$`);
      received.output = '';
      received.errors = '';
      const ended = Promise.withResolvers<Pasted>();
      const fail = (why: string) =>
        ended.reject(new Error(`${why}\n${commands}\n${received.output}${received.errors}`));
      const timer = setTimeout(() => fail('the commands did not end within a minute:'), timeout);
      const gone = () => fail('the commands ended the shell:');
      child.once('close', gone);
      checkEnd = () => {
        const [output, errors] = [end.exec(received.output), end.exec(received.errors)];
        if (!output || !errors) return;
        ended.resolve({
          output: received.output.slice(0, output.index),
          errors: received.errors.slice(0, errors.index),
          status: Number(output[1]),
        });
      };
      child.stdin.write(`${commands}\nprintf '\\n%s %s\\n' '${mark}' $?\nprintf '\\n%s 0\\n' '${mark}' >&2\n`);
      try {
        return await ended.promise;
      } finally {
        clearTimeout(timer);
        child.off('close', gone);
      }
    },
    close() {
      child.kill();
    },
  };
}
