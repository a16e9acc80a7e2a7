import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandFailure, misuse } from './failures.ts';

/** The person at the terminal, where there is one. */
export interface Terminal {
  /** Whether anybody is there to answer. */
  readonly isThere: boolean;
  /** Asks for a line. */
  ask(question: string): Promise<string>;
  /** Asks for a line that nobody shall see. */
  askHidden(question: string): Promise<string>;
}

/** Asks on standard error, so that standard output has the answer of the command alone. */
export function createTerminal(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream): Terminal {
  async function read(question: string, isHidden: boolean): Promise<string> {
    stderr.write(question);
    // Line editing writes what is typed to its output: here, to nobody.
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
    isThere: stdin.isTTY && stderr.isTTY,
    ask: (question) => read(question, false),
    askHidden: (question) => read(question, true),
  };
}

/**
 * Lets a person think again before something that cannot be taken back.
 * @throws CommandFailure where they do, and where nobody is there to ask and `yes` was not given
 */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!terminal.isThere) throw misuse('nobody is here to confirm this; add --yes.');
  const answer = await terminal.ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandFailure('nothing was changed.');
}
