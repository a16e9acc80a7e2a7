import type { Command } from 'commander';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { AdminService, RevokeUserSessionsResponseSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import {
  ListSessionsResponseSchema,
  RevokeOtherSessionsResponseSchema,
  RevokeSessionResponseSchema,
  type Session,
  SessionService,
} from '#gen/proto/signet/auth/v1/session_service_pb.ts';
import { accountId } from '../accounts.ts';
import {
  type Cli,
  confirmed,
  type ConfirmedOptions,
  example,
  listing,
  type ListOptions,
  reachable,
  type RemoteOptions,
} from '../cli.ts';
import { misuse } from '../failures.ts';
import { when } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm } from '../terminal.ts';

/** Options of `sessions revoke`. */
interface RevokeOptions extends ConfirmedOptions {
  readonly all?: boolean;
  readonly user?: string;
}

/** `sessions`: lists, opens and ends sessions. */
export function addSessions(program: Command, cli: Cli): void {
  const sessions = program.command('sessions').description('list, open and end sessions');

  const list = sessions.command('list').description('list your sessions, newest first');
  list.option('--ended', 'also sessions that ended or expired within 30 days');
  example(listing(list), 'sessions list --ended').action((options: ListOptions & { ended?: boolean }) =>
    listSessions(cli, options),
  );

  const revoke = sessions.command('revoke [session]').description('end one of your sessions, or all of them');
  revoke.option('--all', "all sessions except the command's own");
  revoke.option('--user <user>', 'with --all: the sessions of this account, by id or email (administrators only)');
  example(confirmed(revoke), 'sessions revoke --all --user ada@example.com --yes').action(
    (session: string | undefined, options: RevokeOptions) => revokeSessions(cli, session, options),
  );

  const open = sessions.command('open').description('open a session for several commands of this shell');
  example(reachable(open), 'sessions open').action((options: RemoteOptions) => openSession(cli, options));

  const close = sessions.command('close').description('end the session of SIGNET_CLI_TOKEN');
  example(reachable(close), 'sessions close').action((options: RemoteOptions) => closeSession(cli, options));
}

/** Prints a line for `eval`, because a command cannot set a variable of its shell. */
async function openSession({ openSession: open, output }: Cli, options: RemoteOptions): Promise<void> {
  if (output.isTerminal) throw misuse('it would show a token; run: eval "$(npm run -s signet -- sessions open)"');
  output.line(`export SIGNET_CLI_TOKEN='${await open(options)}'`);
}

async function closeSession({ environment, signedIn, output }: Cli, options: RemoteOptions): Promise<void> {
  if (!environment['SIGNET_CLI_TOKEN']) throw misuse('SIGNET_CLI_TOKEN is not set.');
  await signedIn(options, ({ client }) => client(AuthService).logout({}));
  output.line('unset SIGNET_CLI_TOKEN');
}

async function listSessions({ signedIn, output }: Cli, options: ListOptions & { ended?: boolean }): Promise<void> {
  const { limit, json, ended = false } = options;
  const found = await signedIn(options, ({ client }) =>
    collect(
      limit,
      (page) => client(SessionService).listSessions({ includeEnded: ended, ...page }),
      (page) => page.sessions,
    ),
  );
  if (json) return output.message(ListSessionsResponseSchema, found);
  output.table(['ID', 'DEVICE', 'ADDRESS', 'STARTED', 'LAST USED', 'STATE'], found.sessions.map(rowOf));
  if (found.nextPageToken !== '') output.note(`more than ${limit} results; raise --limit to list them`);
}

function rowOf(session: Session): string[] {
  const { id, deviceLabel, ip, createdAt, lastUsedAt, endedAt, endedReason, replayedAt, replayedIp } = session;
  const state = endedAt ? `ended ${when(endedAt)}, ${endedReason}` : session.current ? 'current' : 'active';
  const replayed = replayedAt ? `; refresh token replayed ${when(replayedAt)}, from ${replayedIp}` : '';
  return [id, deviceLabel, ip, when(createdAt), when(lastUsedAt), `${state}${replayed}`];
}

async function revokeSessions(cli: Cli, session: string | undefined, options: RevokeOptions): Promise<void> {
  const { all, user, yes, json } = options;
  if ((session === undefined) === !all) throw misuse('pass a session id or --all.');
  if (user !== undefined && !all) throw misuse('--user requires --all.');
  if (user !== undefined) await confirm(cli.terminal, `End all sessions of ${user}?`, yes);
  await cli.signedIn(options, async (connection) => {
    if (session !== undefined) {
      const done = await connection.client(SessionService).revokeSession({ sessionId: session });
      return json
        ? cli.output.message(RevokeSessionResponseSchema, done)
        : cli.output.line('session ended; its tokens are revoked');
    }
    if (user === undefined) {
      const done = await connection.client(SessionService).revokeOtherSessions({});
      return json
        ? cli.output.message(RevokeOtherSessionsResponseSchema, done)
        : cli.output.line(`sessions ended: ${done.revokedCount}`);
    }
    const userId = await accountId(connection, user);
    const done = await connection.client(AdminService).revokeUserSessions({ userId });
    return json
      ? cli.output.message(RevokeUserSessionsResponseSchema, done)
      : cli.output.line(`sessions ended: ${done.revokedCount}`);
  });
}
