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

/** Filter of `audit list`. */
interface EventFilter extends ListOptions {
  readonly actor?: string;
  readonly subject?: string;
  readonly kind?: string;
  readonly from?: Date;
  readonly to?: Date;
}

/** A recorded head of the log. */
interface Head {
  readonly hash: string;
  readonly position: bigint;
}

/** `audit`: reads and verifies the audit log. */
export function addAudit(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('read and verify the audit log (administrators only)');

  const list = audit.command('list').description('list events, newest first');
  list.option('--actor <actor>', 'filter by actor: id or email of an account, or name of a service');
  list.option('--subject <subject>', 'filter by subject: id or email of an account, a kid, a role');
  list.option('--kind <kind>', 'filter by kind: login, role_granted and so on');
  list.option('--from <time>', 'start time, inclusive: 2026-11-24T08:00:00Z, or 12h for twelve hours ago', readTime);
  list.option('--to <time>', 'end time, exclusive', readTime);
  example(listing(list), 'audit list --kind login --from 1h').action((options: EventFilter) =>
    listEvents(cli, options),
  );

  const verify = audit.command('verify').description('verify the hash chain of the whole log');
  verify.option('--expect <head>', 'a head recorded earlier, <hash>@<position>', readHead);
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
  if (found.nextPageToken !== '') output.note(`more than ${limit} results; raise --limit to list them`);
}

/** Resolves an email to the account's id. A name without @ is used as it is. */
async function partyId(connection: Connection, name = ''): Promise<string> {
  return name.includes('@') ? accountId(connection, name) : name;
}

function rowOf({ time, kind, outcome, ip, details, ...parties }: Event): string[] {
  const known = Object.entries(details ?? {}).map(([name, value]) => `${name}=${inWords(value)}`);
  const { actorEmail, actorId, subjectEmail, subjectId } = parties;
  return [when(time), kind, outcome, actorEmail || actorId, subjectEmail || subjectId, ip, known.join(' ')];
}

function inWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function verifyEvents({ signedIn, output }: Cli, options: RemoteOptions & { expect?: Head }): Promise<void> {
  const { expect } = options;
  const { found, hash } = await signedIn(options, async ({ client }) => {
    const ask = (fromPosition: bigint) => client(AuditService).verifyEvents({ fromPosition });
    const whole = await followChain(ask);
    // The part behind the expected event begins with its hash.
    return { found: whole, hash: expect && (await ask(expect.position + 1n)).previousHash };
  });
  if (options.json) output.message(VerifyEventsResponseSchema, found);
  else {
    output.record([
      ['events', String(found.checked)],
      ['first', String(found.firstPosition)],
      ['head', `${found.headHash}@${found.headPosition}`],
      ['unchained', String(found.unchained)],
      ['faults', String(found.faults.length)],
    ]);
    if (found.faults.length > 0) {
      output.table(
        ['POSITION', 'EVENT', 'FAULT'],
        found.faults.map(({ position, eventId, description }) => [String(position), eventId, description]),
      );
    }
  }
  if (found.faults.length > 0) throw new CommandFailure(`the log was tampered with; faults: ${found.faults.length}.`);
  const difference = expect && differenceFrom(expect, found, hash);
  if (difference) throw new CommandFailure(difference);
}

/** Verifies the log part by part. The last response has the current head. */
async function followChain(ask: (from: bigint) => Promise<VerifyEventsResponse>): Promise<VerifyEventsResponse> {
  let part = await ask(0n);
  let { checked } = part;
  const faults = [...part.faults];
  while (part.nextPosition !== 0n) {
    part = await ask(part.nextPosition);
    checked += part.checked;
    faults.push(...part.faults);
  }
  return create(VerifyEventsResponseSchema, { ...part, checked, faults });
}

/** How the log differs from a head that was recorded earlier. @param hash the hash that the log has at its position */
function differenceFrom(
  { position, hash: expected }: Head,
  { firstPosition, headPosition }: VerifyEventsResponse,
  hash: string | undefined,
): string | undefined {
  if (position > headPosition) {
    return `the log was truncated: it ends at ${headPosition} and used to reach ${position}.`;
  }
  // The part behind it begins at the first event that there is, and `hash` is that of the event before it.
  if (position < firstPosition - 1n) {
    return `event ${position} cannot be verified: the events before ${firstPosition} were dropped after their retention.`;
  }
  return hash === expected ? undefined : `the log was rewritten: event ${position} has another hash than before.`;
}

/** Parses an RFC 3339 time, a date, or a duration before now (12h). */
function readTime(text: string): Date {
  const ago = duration.safeParse(text);
  if (ago.success) return new Date(Date.now() - ago.data);
  const time = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be like 2026-11-24T08:00:00Z, 2026-11-24 or 12h.');
  return new Date(time);
}

function readHead(text: string): Head {
  const [, hash, position] = /^([0-9a-f]{64})@([1-9]\d{0,17})$/i.exec(text) ?? [];
  if (hash === undefined) throw new InvalidArgumentError('It must be <hash>@<position>, as verify prints it.');
  return { hash: hash.toLowerCase(), position: BigInt(position ?? 0) };
}
