import { type Command, InvalidArgumentError } from 'commander';
import type { Environment } from '#kit/config/config.ts';
import { type Connection, identify, identifyAgain, type Identity, signIn } from './connect.ts';
import { misuse } from './failures.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** What every command works with. */
export interface Cli {
  /** The process's environment, over the lines of .env. */
  readonly environment: Environment;
  readonly output: Output;
  readonly terminal: Terminal;
  /** Signs in, works, and ends the session that was opened for it, whatever the work came to. */
  signedIn<T>(options: RemoteOptions, work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Ends what is open: for a process that is told to stop. */
  stop(): Promise<void>;
}

/** Options of commands that answer something. */
export interface AnswerOptions {
  readonly json?: boolean;
}

/** Options of commands that ask a server. */
export interface RemoteOptions extends AnswerOptions {
  readonly url?: string;
}

/** Options of commands that list. */
export interface ListOptions extends RemoteOptions {
  readonly limit: number;
}

/** Options of commands that want to be confirmed. */
export interface ConfirmedOptions extends RemoteOptions {
  readonly yes?: boolean;
}

/** Where the edge of `npm start` is. */
const standardUrl = 'http://localhost:8080';

/** Puts together what commands work with. */
export function createCli(parts: Pick<Cli, 'environment' | 'output' | 'terminal'>): Cli {
  const { environment, output, terminal } = parts;
  const open = new Set<Connection>();
  // Kept, so that a command that signs in more than once asks a person once.
  let identity: Promise<Identity> | undefined;
  async function end(connection: Connection): Promise<void> {
    if (open.delete(connection)) await connection.end();
  }
  return {
    ...parts,
    async signedIn(options, work) {
      const url = serverUrl(options.url ?? (environment['SIGNET_URL'] || standardUrl));
      if (isReadable(url)) output.note(`${url} is not encrypted: what goes there can be read on the way`);
      identity ??= identify(environment, terminal);
      const asker = await identity;
      const again = () => identifyAgain(environment, terminal, asker);
      const connection = await signIn({ url, environment, identity: asker, again });
      open.add(connection);
      try {
        return await work(connection);
      } finally {
        // It would run out by itself: no reason to fail for.
        await end(connection).catch(() => output.note('the session of this command could not be ended'));
      }
    },
    async stop() {
      await Promise.allSettled([...open].map(end));
    },
  };
}

function serverUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw misuse('the URL of the server must begin with http:// or https://.');
  }
  return text.replace(/\/+$/, '');
}

/** Tells whether others can read what goes to a URL: it is neither encrypted nor on this machine. */
function isReadable(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** An example under a command's help. */
export function example(command: Command, line: string): Command {
  return command.addHelpText('after', `\nExample:\n  npm run -s signet -- ${line}`);
}

/** Lets a command answer in JSON. */
export function answering(command: Command): Command {
  return command.option('--json', 'one JSON document on standard output');
}

/** Lets a command be pointed at a server. */
export function remote(command: Command): Command {
  return answering(command.option('--url <url>', `the edge (SIGNET_URL, else ${standardUrl})`));
}

/** Lets a command list as much as is wanted. */
export function listing(command: Command): Command {
  return remote(command.option('--limit <number>', 'most items to list', wholeNumber, 100));
}

/** Lets a command go on without asking. */
export function confirmed(command: Command): Command {
  return remote(command.option('--yes', 'do not ask first'));
}

/** A number of items, at least one. */
function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, at least 1.');
  return Number(text);
}
