import { ConnectError } from '@connectrpc/connect';
import type { Command } from 'commander';
import { open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type Cli, example, remote, type RemoteOptions } from '../cli.ts';
import type { Connection } from '../connect.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { maxLineBytes, type Page, pagesOf } from '../import/accounts.ts';
import { linesOf } from '../import/lines.ts';
import { createTally, type Tally } from '../import/tally.ts';

/** Options of `users import`. */
interface ImportOptions extends RemoteOptions {
  readonly dryRun?: boolean;
}

/** How long a sign-in is used, ms; ImportUsers requires one at most five minutes old. */
const sessionFor = 3 * 60_000;
/** Lines between two progress messages. */
const progressEvery = 1_000;

/** `users import`: imports accounts with their password hashes. */
export function addUsersImport(users: Command, cli: Cli): void {
  const command = users
    .command('import <file>')
    .description('import accounts from a JSON Lines file; - reads standard input');
  command.option('--dry-run', 'validate every line without contacting the server');
  example(remote(command), 'users import accounts.jsonl --dry-run').action((file: string, options: ImportOptions) =>
    importUsers(cli, file, options),
  );
}

async function importUsers(cli: Cli, file: string, options: ImportOptions): Promise<void> {
  if (file === '-' && cli.terminal.isInteractive)
    throw misuse('standard input is a terminal: pipe a file or pass its name.');
  const tally = createTally(Boolean(options.dryRun));
  const pages = pagesOf(linesOf(bytesOf(file), maxLineBytes));
  try {
    await (options.dryRun ? validate(cli, pages, tally) : send(cli, options, pages, tally));
  } catch (error) {
    if (tally.lastLine > 0) {
      cli.output.note(
        `stopped after line ${tally.lastLine}: ${tally.summary()}. Created accounts remain; run the command again to resume.`,
      );
    }
    throw error;
  } finally {
    // An open standard input would keep the process alive.
    await pages.return(undefined);
  }
  tally.print(cli.output, options);
  if (tally.rejected > 0) throw new CommandFailure(`rejected lines: ${tally.rejected}.`);
}

async function validate({ output }: Cli, pages: AsyncIterable<Page>, tally: Tally): Promise<void> {
  for await (const page of pages) {
    tally.add(page, []);
    reportProgress(output, tally);
  }
}

/** Sends all pages, and signs in again when the sign-in gets too old. */
async function send(cli: Cli, options: ImportOptions, pages: AsyncIterator<Page>, tally: Tally): Promise<void> {
  let next = await pages.next();
  while (!next.done) {
    await cli.signedIn(options, async (connection) => {
      const until = Date.now() + sessionFor;
      while (!next.done && Date.now() < until) {
        const pause = await sendPage(connection, next.value, tally);
        if (pause > 0) {
          cli.output.note(`rate limited; retrying in ${pause} s`);
          await wait(pause * 1_000);
          continue;
        }
        reportProgress(cli.output, tally);
        next = await pages.next();
      }
    });
  }
}

/** Sends a page. Returns 0, or the seconds to wait before sending it again. */
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

function reportProgress(output: Cli['output'], tally: Tally): void {
  if (tally.isDue(progressEvery)) output.note(`line ${tally.lastLine}: ${tally.summary()}`);
}

/** Reads a file, or standard input. */
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
