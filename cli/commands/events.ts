import { type Command, InvalidArgumentError } from 'commander';
import { adopt } from '#kit/events/cursor.ts';
import { behind } from '#kit/events/lag.ts';
import { servicesWithData } from '../../services/registry.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { withDatabases } from '../database.ts';

interface AdoptOptions extends AnswerOptions {
  readonly position: bigint;
}

/** `events`: the cursors of consumers (docs/events.md). Works on the database itself, without a server. */
export function addEvents(program: Command, cli: Cli): void {
  const events = program.command('events').description('events between services');

  const lag = events.command('lag').description('show how far each service is behind the events of another');
  example(answering(lag), 'events lag').action((options: AnswerOptions) => showLag(cli, options));

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
  if (!(await withDatabases({ environment }, (of) => adopt(of(consumer), consumer, source, to)))) {
    throw new CommandFailure(`${consumer} has never followed the events of ${source}.`);
  }
  if (json) output.json({ consumer, source, position: String(to) });
  else output.line(`${consumer} applies the events of ${source} behind position ${to}`);
}

/** One row for each consumer and producer of the registry. */
async function showLag({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const now = Date.now();
  const pairs = servicesWithData.flatMap(({ name, consumes = {} }) =>
    Object.keys(consumes).map((source) => ({ consumer: name, source })),
  );
  const lags = await withDatabases({ environment }, async (of) => {
    const all = [];
    for (const { consumer, source } of pairs) {
      const {
        position: at = 0n,
        head,
        since,
      } = await behind({ consumer: of(consumer), source: of(source) }, consumer, source);
      const seconds = since ? Math.max(0, Math.round((now - since.getTime()) / 1_000)) : 0;
      all.push({
        consumer,
        source,
        position: String(at),
        head: String(head),
        events: Number(head - at),
        seconds,
      });
    }
    return all;
  });
  if (json) return output.json({ lags });
  output.table(
    ['CONSUMER', 'SOURCE', 'POSITION', 'HEAD', 'EVENTS BEHIND', 'SECONDS BEHIND'],
    lags.map((one) => Object.values(one).map(String)),
  );
}

/** A place in a log: PostgreSQL's bigint, 0 or more. */
function position(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return BigInt(text);
}
