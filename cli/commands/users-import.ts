import { ConnectError } from '@connectrpc/connect';
import { type Command, Option } from 'commander';
import { setTimeout as wait } from 'node:timers/promises';
import { AdminService } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { type Cli, example, remote, type RemoteOptions } from '../cli.ts';
import type { Connection } from '../connect.ts';
import { CommandFailure, misuse } from '../failures.ts';
import type { Entry } from '../import/entry.ts';
import { type Input, inputsOf, textOf } from '../import/input.ts';
import { type Page, pagesOf } from '../import/pages.ts';
import { readerOf } from '../import/records.ts';
import type { Source } from '../import/source.ts';
import { listOfSources, type SourceName, sources } from '../import/sources/sources.ts';
import { createTally, type Tally } from '../import/tally.ts';

/** Options of `users import`. */
interface ImportOptions extends RemoteOptions {
  readonly from: SourceName;
  readonly hashConfig?: string;
  readonly dropRefusedHashes?: boolean;
  readonly dryRun?: boolean;
}

/** How long a sign-in is used, ms; ImportUsers requires one at most five minutes old. */
const sessionFor = 3 * 60_000;
/** Accounts between two progress messages. */
const progressEvery = 1_000;

/** `users import`: imports accounts with their password hashes. */
export function addUsersImport(users: Command, cli: Cli): void {
  const command = users
    .command('import <files...>')
    .description('import accounts from the export of another system; - reads standard input')
    .addOption(
      new Option('--from <product>', 'what wrote the files')
        .choices(Object.keys(sources))
        .default('json' satisfies SourceName),
    )
    .option('--hash-config <file>', 'hash parameters of a Firebase project, as its console shows them')
    .option('--drop-refused-hashes', 'import accounts whose hash is refused without a password')
    .option('--dry-run', 'validate every account without contacting the server');
  command.addHelpText('after', `\nProducts:\n${listOfSources()}`);
  example(remote(command), 'users import shop-realm.json --from keycloak --dry-run').action(
    (files: string[], options: ImportOptions) => importUsers(cli, files, options),
  );
}

async function importUsers(cli: Cli, files: readonly string[], options: ImportOptions): Promise<void> {
  const tally = createTally(Boolean(options.dryRun));
  const inputs = inputsOf(files);
  const pages = pagesOf(await entriesOf(cli, inputs, options));
  try {
    await (options.dryRun ? validate(cli, pages, tally) : send(cli, options, pages, tally));
  } catch (error) {
    if (tally.lastPlace !== undefined) {
      cli.output.note(
        `stopped after ${tally.lastPlace}: ${tally.summary()}. Created accounts remain; run the command again to resume.`,
      );
    }
    throw error;
  } finally {
    for (const input of inputs) input.close();
  }
  tally.print(cli.output, options);
  const { rejected, valid, created, email_taken } = tally.counts;
  if (rejected > 0) throw new CommandFailure(`rejected accounts: ${rejected}.`);
  if (valid + created + email_taken === 0) throw new CommandFailure('the files have no account to import.');
}

/** The entries of the files. @throws CommandFailure if the options do not fit the source */
async function entriesOf(
  { terminal }: Cli,
  inputs: readonly Input[],
  { from, hashConfig, dropRefusedHashes }: ImportOptions,
): Promise<AsyncIterable<Entry>> {
  const source: Source = sources[from];
  if (inputs.some(({ isStandardInput }) => isStandardInput)) {
    if (terminal.isInteractive) throw misuse('standard input is a terminal: pipe a file or pass its name.');
    if (source.readsTwice)
      throw misuse(`--from ${from} reads files twice: pass their names instead of standard input.`);
  }
  if (Boolean(source.takesHashConfig) !== (hashConfig !== undefined)) {
    throw misuse(
      source.takesHashConfig ? `--from ${from} needs --hash-config.` : `--from ${from} has no --hash-config.`,
    );
  }
  return source.entries(readerOf(inputs, source.layout), {
    hashConfig: hashConfig === undefined ? undefined : await wholeText(hashConfig),
    dropHashes: Boolean(dropRefusedHashes),
  });
}

async function wholeText(file: string): Promise<string> {
  const parts: string[] = [];
  for (const input of inputsOf([file])) {
    for await (const part of textOf(input.read(), input.name)) parts.push(part);
  }
  return parts.join('');
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
  if (tally.isDue(progressEvery)) output.note(tally.summary());
}
