import { type Command, InvalidArgumentError } from 'commander';
import { openDatabase } from '#kit/db/database.ts';
import { adopt } from '#kit/events/cursor.ts';
import { silentLog } from '#kit/log/log.ts';
import { servicesWithData } from '../../services/registry.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { databaseOf } from './db.ts';

interface AdoptOptions extends AnswerOptions {
  readonly position: bigint;
}

/** `events`: the cursors of consumers (docs/events.md). Works on the database itself, without a server. */
export function addEvents(program: Command, cli: Cli): void {
  const events = program.command('events').description('events between services');

  const adopting = events
    .command('adopt')
    .description('set the position up to which a service counts the events of another as applied')
    .argument('<consumer>', 'the service that applies the events')
    .argument('<source>', 'the service that produces them')
    .requiredOption('--position <number>', "position of the producer's log; 0 is its beginning", position);
  example(answering(adopting), 'events adopt user auth --position 41').action(
    (consumer: string, source: string, options: AdoptOptions) => adoptPosition(cli, consumer, source, options),
  );
}

async function adoptPosition(
  { environment, output }: Cli,
  consumer: string,
  source: string,
  { json, position: to }: AdoptOptions,
): Promise<void> {
  const names = servicesWithData.map(({ name }) => name);
  if (!names.includes(consumer)) throw misuse(`${consumer} is no service with a database: ${names.join(', ')}.`);
  const { url } = databaseOf(consumer, environment);
  const { pool, close } = openDatabase({ url, applicationName: 'signet-cli', log: silentLog, max: 1 });
  try {
    const db = { $executeRaw: async ({ text, values }: Statement) => (await pool.query(text, values)).rowCount ?? 0 };
    if (!(await adopt(db, consumer, source, to))) {
      throw new CommandFailure(`${consumer} has never followed the events of ${source}.`);
    }
  } finally {
    await close();
  }
  if (json) output.json({ consumer, source, position: String(to) });
  else output.line(`${consumer} applies the events of ${source} behind position ${to}`);
}

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** A place in a log: PostgreSQL's bigint, 0 or more. */
function position(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return BigInt(text);
}
