import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandFailure, misuse } from './failures.ts';

/** Prompts on the terminal. */
export interface Terminal {
  /** Whether a terminal is attached. */
  readonly isInteractive: boolean;
  /** Prompts for a line. */
  ask(question: string): Promise<string>;
  /** Prompts for a line without echo. */
  askHidden(question: string): Promise<string>;
}

/** Prompts on standard error, so that standard output has only the command's output. */
export function createTerminal(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream): Terminal {
  async function read(question: string, isHidden: boolean): Promise<string> {
    stderr.write(question);
    // Line editing echoes to its output; hidden input discards the echo.
    const output = isHidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : stderr;
    const lines = createInterface({ input: stdin, output, terminal: true });
    try {
      return await new Promise((resolve, reject) => {
        lines.once('line', resolve);
        lines.once('SIGINT', () => reject(new CommandFailure('stopped.')));
        lines.once('close', () => reject(new CommandFailure('stopped.')));
      });
    } finally {
      lines.close();
      if (isHidden) stderr.write('\n');
    }
  }
  return {
    isInteractive: stdin.isTTY && stderr.isTTY,
    ask: (question) => read(question, false),
    askHidden: (question) => read(question, true),
  };
}

/**
 * Asks for confirmation of an irreversible command.
 * @throws CommandFailure if the user declines, or if no terminal is attached and `yes` is not set
 */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!terminal.isInteractive) throw misuse('confirmation required, but no terminal is attached; add --yes.');
  const answer = await terminal.ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure('nothing was changed.');
}
