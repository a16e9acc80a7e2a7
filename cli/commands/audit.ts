import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Command, InvalidArgumentError } from 'commander';
import {
  AuditService,
  type Event,
  ListEventsResponseSchema,
  type VerifyEventsResponse,
  VerifyEventsResponseSchema,
} from '#gen/proto/signet/auth/v1/audit_service_pb.ts';
import { duration } from '#kit/config/types.ts';
import { accountId } from '../accounts.ts';
import { type Cli, example, listing, type ListOptions, remote, type RemoteOptions } from '../cli.ts';
import { type Connection } from '../connect.ts';
import { CommandFailure } from '../failures.ts';
import { when } from '../output.ts';
import { collect } from '../pages.ts';

/** What narrows a list of events. */
interface EventFilter extends ListOptions {
  readonly actor?: string;
  readonly subject?: string;
  readonly kind?: string;
  readonly from?: Date;
  readonly to?: Date;
}

/** A head of the log that was kept elsewhere. */
interface Head {
  readonly hash: string;
  readonly sequence: number;
}

/** `audit`: reads the audit log. */
export function addAudit(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('the audit log (for administrators)');

  const list = audit.command('list').description('list events, the latest first');
  list.option('--actor <actor>', 'by whom: the id or email of an account, or the name of a service');
  list.option('--subject <subject>', 'on whom or what: the id or email of an account, a kid, a role');
  list.option('--kind <kind>', 'of this kind: login, role_granted and so on');
  list.option('--from <time>', 'from then on: 2026-11-24T08:00:00Z, or 12h for twelve hours ago', readTime);
  list.option('--to <time>', 'before then', readTime);
  example(listing(list), 'audit list --kind login --from 1h').action((options: EventFilter) =>
    listEvents(cli, options),
  );

  const verify = audit.command('verify').description('follow the chain of hashes through the whole log');
  verify.option('--expect <head>', 'a head that was kept elsewhere, <hash>@<sequence>', readHead);
  example(remote(verify), 'audit verify').action((options: RemoteOptions & { expect?: Head }) =>
    verifyEvents(cli, options),
  );
}

async function listEvents({ signedIn, output }: Cli, options: EventFilter): Promise<void> {
  const { actor, subject, kind = '', from, to, limit, json } = options;
  const found = await signedIn(options, async (connection) => {
    const filter = {
      actorId: await partyId(connection, actor),
      subjectId: await partyId(connection, subject),
      kind,
      ...(from ? { fromTime: timestampFromDate(from) } : {}),
      ...(to ? { toTime: timestampFromDate(to) } : {}),
    };
    return collect(
      limit,
      (page) => connection.client(AuditService).listEvents({ ...filter, ...page }),
      (page) => page.events,
    );
  });
  if (json) return output.message(ListEventsResponseSchema, found);
  output.table(['TIME', 'KIND', 'OUTCOME', 'ACTOR', 'SUBJECT', 'ADDRESS', 'DETAILS'], found.events.map(rowOf));
  if (found.nextPageToken !== '') output.note(`there are more than ${limit}; --limit lists them`);
}

/** The log knows accounts by their ids. What has no @ is an id, or the name of something else, as it is. */
async function partyId(connection: Connection, name = ''): Promise<string> {
  return name.includes('@') ? accountId(connection, name) : name;
}

function rowOf({ time, kind, outcome, actorId, subjectId, ip, details }: Event): string[] {
  const known = Object.entries(details ?? {}).map(([name, value]) => `${name}=${inWords(value)}`);
  return [when(time), kind, outcome, actorId, subjectId, ip, known.join(' ')];
}

function inWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function verifyEvents({ signedIn, output }: Cli, options: RemoteOptions & { expect?: Head }): Promise<void> {
  const { found, hash } = await signedIn(options, async ({ client }) => {
    const ask = (fromSequence: number) => client(AuditService).verifyEvents({ fromSequence });
    const whole = await followChain(ask);
    // What came before the event behind the one that was kept: the log has grown since, by this sign-in at the least.
    return { found: whole, hash: options.expect && (await ask(options.expect.sequence + 1)).previousHash };
  });
  if (options.json) output.message(VerifyEventsResponseSchema, found);
  else {
    output.record([
      ['events', String(found.checked)],
      ['head', `${found.headHash}@${found.headSequence}`],
      ['faults', String(found.faults.length)],
    ]);
    if (found.faults.length > 0) {
      output.table(
        ['SEQUENCE', 'EVENT', 'FAULT'],
        found.faults.map(({ sequence, eventId, description }) => [String(sequence), eventId, description]),
      );
    }
  }
  if (found.faults.length > 0) throw new CommandFailure(`the log was tampered with; faults: ${found.faults.length}.`);
  if (options.expect && hash !== options.expect.hash) throw rewritten(found.headSequence, options.expect.sequence);
}

/** Asks for part after part, until the end; the last answer knows the head best. */
async function followChain(ask: (from: number) => Promise<VerifyEventsResponse>): Promise<VerifyEventsResponse> {
  let part = await ask(0);
  let { checked } = part;
  const faults = [...part.faults];
  while (part.nextSequence !== 0) {
    part = await ask(part.nextSequence);
    checked += part.checked;
    faults.push(...part.faults);
  }
  return create(VerifyEventsResponseSchema, { ...part, checked, faults });
}

function rewritten(head: number, sequence: number): CommandFailure {
  return new CommandFailure(
    head < sequence
      ? `the log was cut: it ends at ${head}, and reached to ${sequence} before.`
      : `the log was rewritten: event ${sequence} has another hash than before.`,
  );
}

/** A time of RFC 3339, or how long ago: 12h. */
function readTime(text: string): Date {
  const ago = duration.safeParse(text);
  if (ago.success) return new Date(Date.now() - ago.data);
  const time = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be like 2026-11-24T08:00:00Z, 2026-11-24 or 12h.');
  return new Date(time);
}

function readHead(text: string): Head {
  const [, hash, sequence] = /^([0-9a-f]{64})@([1-9]\d{0,8})$/i.exec(text) ?? [];
  if (hash === undefined) throw new InvalidArgumentError('It must be <hash>@<sequence>, as verify prints it.');
  return { hash: hash.toLowerCase(), sequence: Number(sequence) };
}
