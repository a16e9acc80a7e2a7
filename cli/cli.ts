import { type Command, InvalidArgumentError } from 'commander';
import type { Environment } from '#kit/config/config.ts';
import {
  accessTokenOf,
  type Connection,
  identify,
  promptForReauthentication,
  type Identity,
  signIn,
} from './connect.ts';
import { misuse } from './failures.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Dependencies of every command. */
export interface Cli {
  /** The process's environment merged with .env; the environment takes precedence. */
  readonly environment: Environment;
  readonly output: Output;
  readonly terminal: Terminal;
  /** Signs in, runs the work, and ends the opened session, also on failure. */
  signedIn<T>(options: RemoteOptions, work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Signs a person in and returns the access token of a session that stays open. */
  openSession(options: RemoteOptions): Promise<string>;
  /** Ends open sessions when the process receives a signal. */
  stop(): Promise<void>;
}

/** Options of commands with output. */
export interface AnswerOptions {
  readonly json?: boolean;
}

/** Options of commands that call the server. */
export interface RemoteOptions extends AnswerOptions {
  readonly url?: string;
}

/** Options of commands that list. */
export interface ListOptions extends RemoteOptions {
  readonly limit: number;
}

/** Options of commands that require confirmation. */
export interface ConfirmedOptions extends RemoteOptions {
  readonly yes?: boolean;
}

/** Default URL of the edge. */
const standardUrl = 'http://localhost:8080';

/** Creates the dependencies of commands. */
export function createCli(parts: Pick<Cli, 'environment' | 'output' | 'terminal'>): Cli {
  const { environment, output, terminal } = parts;
  const open = new Set<Connection>();
  // Cached: a command that signs in several times prompts once.
  let identity: Promise<Identity> | undefined;
  async function end(connection: Connection): Promise<void> {
    if (open.delete(connection)) await connection.end();
  }
  function urlOf(options: RemoteOptions): string {
    const url = serverUrl(environment, options);
    if (isReadable(url)) output.note(`the connection to ${url} is not encrypted`);
    return url;
  }

  return {
    ...parts,
    async openSession(options) {
      const url = urlOf(options);
      const caller = await identify({ ...environment, SIGNET_CLI_TOKEN: '', SIGNET_CLI_TOKEN_FILE: '' }, terminal);
      if (!('email' in caller)) throw misuse('a session belongs to a person: set SIGNET_CLI_EMAIL.');
      return accessTokenOf(url, caller);
    },
    async signedIn(options, work) {
      const url = urlOf(options);
      identity ??= identify(environment, terminal);
      const caller = await identity;
      const reauthenticate = () => promptForReauthentication(environment, terminal, caller);
      const connection = await signIn({ url, environment, identity: caller, reauthenticate });
      open.add(connection);
      try {
        return await work(connection);
      } finally {
        // The session expires by itself, so this is no failure.
        await end(connection).catch(() => output.note('failed to end the session of this command'));
      }
    },
    async stop() {
      await Promise.allSettled([...open].map(end));
    },
  };
}

/** The URL of the edge: --url, SIGNET_URL or the default. @throws CommandFailure if it is not one */
export function serverUrl(environment: Environment, options: RemoteOptions): string {
  const text = options.url ?? (environment['SIGNET_URL'] || standardUrl);
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw misuse('the server URL must begin with http:// or https://.');
  }
  return text.replace(/\/+$/, '');
}

/** Whether traffic to a URL leaves this machine unencrypted. */
export function isReadable(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Adds an example to a command's help. */
export function example(command: Command, line: string): Command {
  return command.addHelpText('after', `\nExample:\n  npm run -s signet -- ${line}`);
}

/** Adds --json. */
export function answering(command: Command): Command {
  return command.option('--json', 'print one JSON document on standard output');
}

/** The option --url, of the program and of commands. */
export const urlOption = ['--url <url>', `URL of the edge (default: SIGNET_URL, or ${standardUrl})`] as const;

/** Adds --url. */
export function reachable(command: Command): Command {
  return command.option(...urlOption);
}

/** Adds --url and --json. */
export function remote(command: Command): Command {
  return answering(reachable(command));
}

/** Adds --limit. */
export function listing(command: Command): Command {
  return remote(command.option('--limit <number>', 'maximum number of results', wholeNumber, 100));
}

/** Adds --yes. */
export function confirmed(command: Command): Command {
  return remote(command.option('--yes', 'skip the confirmation'));
}

/** Parses a number of items, at least 1. */
function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, at least 1.');
  return Number(text);
}
