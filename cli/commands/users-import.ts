import { ConnectError } from '@connectrpc/connect';
import type { Command } from 'commander';
import { open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type Cli, example, remote, type RemoteOptions } from '../cli.ts';
import type { Connection } from '../connect.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { longestLine, type Page, pagesOf } from '../import/accounts.ts';
import { linesOf } from '../import/lines.ts';
import { createTally, type Tally } from '../import/tally.ts';

/** Options of `users import`. */
interface ImportOptions extends RemoteOptions {
  readonly dryRun?: boolean;
}

/** How long a sign-in is used, ms: the method wants one that is at most five minutes old. */
const sessionFor = 3 * 60_000;
/** How many lines go by between two words of how far it is. */
const wordEvery = 1_000;

/** `users import`: brings accounts along from elsewhere. */
export function addUsersImport(users: Command, cli: Cli): void {
  const command = users
    .command('import <file>')
    .description('make accounts from a file of JSON lines; - reads standard input');
  command.option('--dry-run', 'look at every line, and ask no server');
  example(remote(command), 'users import accounts.jsonl --dry-run').action((file: string, options: ImportOptions) =>
    importUsers(cli, file, options),
  );
}

async function importUsers(cli: Cli, file: string, options: ImportOptions): Promise<void> {
  if (file === '-' && cli.terminal.isThere) throw misuse('standard input is the terminal: pipe a file in, or name it.');
  const tally = createTally(Boolean(options.dryRun));
  const pages = pagesOf(linesOf(bytesOf(file), longestLine));
  try {
    await (options.dryRun ? look(cli, pages, tally) : send(cli, options, pages, tally));
  } catch (error) {
    if (tally.lastLine > 0) {
      cli.output.note(
        `stopped behind line ${tally.lastLine}: ${tally.inWords()}. What was made stays; run it again to go on.`,
      );
    }
    throw error;
  } finally {
    // Standard input that stays open would keep the process.
    await pages.return(undefined);
  }
  tally.tell(cli.output, options);
  if (tally.rejected > 0) throw new CommandFailure(`lines that were rejected: ${tally.rejected}.`);
}

async function look({ output }: Cli, pages: AsyncIterable<Page>, tally: Tally): Promise<void> {
  for await (const page of pages) {
    tally.add(page, []);
    sayHowFar(output, tally);
  }
}

/** Sends page after page, signing in anew where the last time becomes too long ago. */
async function send(cli: Cli, options: ImportOptions, pages: AsyncIterator<Page>, tally: Tally): Promise<void> {
  let next = await pages.next();
  while (!next.done) {
    await cli.signedIn(options, async (connection) => {
      const until = Date.now() + sessionFor;
      while (!next.done && Date.now() < until) {
        const pause = await sendPage(connection, next.value, tally);
        if (pause > 0) {
          cli.output.note(`the server asks to wait ${pause} s`);
          await wait(pause * 1_000);
          continue;
        }
        sayHowFar(cli.output, tally);
        next = await pages.next();
      }
    });
  }
}

/** Sends a page; tells how long to wait, s, before it can be sent; 0 where it was. */
async function sendPage({ client }: Connection, page: Page, tally: Tally): Promise<number> {
  try {
    const users = page.users.map(({ user }) => user);
    const { results } = users.length === 0 ? { results: [] } : await client(AdminService).importUsers({ users });
    tally.add(page, results);
    return 0;
  } catch (error) {
    if (reasonOf(error) !== 'RATE_LIMITED') throw error;
    return Number(ConnectError.from(error).metadata.get('retry-after') ?? 1);
  }
}

function sayHowFar(output: Cli['output'], tally: Tally): void {
  if (tally.isDue(wordEvery)) output.note(`line ${tally.lastLine}: ${tally.inWords()}`);
}

/** A file's bytes, or those of standard input. */
async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  if (file === '-') return yield* process.stdin as AsyncIterable<Buffer>;
  try {
    const handle = await open(file);
    yield* handle.createReadStream() as AsyncIterable<Buffer>;
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    throw misuse(`${file} cannot be read (${String(error.code)}).`);
  }
}
