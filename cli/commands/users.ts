import type { Command } from 'commander';
import { AdminService, ListUsersResponseSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { RevokeRoleResponseSchema } from '#gen/proto/signet/auth/v1/admin_service_pb.ts';
import { type User, UserSchema } from '#gen/proto/signet/auth/v1/user_pb.ts';
import { accountId, findAccount } from '../accounts.ts';
import { type Cli, confirmed, type ConfirmedOptions, example, listing, type ListOptions, remote } from '../cli.ts';
import type { RemoteOptions } from '../cli.ts';
import { misuse } from '../failures.ts';
import { type Output, when, words } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm } from '../terminal.ts';
import { addUsersImport } from './users-import.ts';

/** Filter of `users list`. */
interface UserFilter extends ListOptions {
  readonly email?: string;
  readonly role?: string;
  readonly disabled?: boolean;
  readonly enabled?: boolean;
}

/** `users`: manages accounts. */
export function addUsers(program: Command, cli: Cli): void {
  const users = program.command('users').description('manage accounts (administrators only)');

  const list = users.command('list').description('list accounts, newest first');
  list.option('--email <prefix>', 'filter by email prefix').option('--role <role>', 'filter by role');
  list.option('--disabled', 'only disabled accounts').option('--enabled', 'only enabled accounts');
  example(listing(list), 'users list --role admin').action((options: UserFilter) => listUsers(cli, options));

  const show = users.command('show <user>').description('show an account, by id or email');
  example(remote(show), 'users show ada@example.com').action(async (name: string, options: RemoteOptions) => {
    printUser(cli.output, await cli.signedIn(options, (connection) => findAccount(connection, name)), options);
  });

  const grant = users.command('grant <user> <role>').description('grant a role to an account');
  example(remote(grant), 'users grant ada@example.com support').action(
    async (name: string, role: string, options: RemoteOptions) => {
      const user = await cli.signedIn(options, async (connection) =>
        connection.client(AdminService).grantRole({ userId: await accountId(connection, name), role }),
      );
      printUser(cli.output, user, options);
    },
  );

  const revoke = users.command('revoke <user> <role>').description('revoke a role from an account');
  example(remote(revoke), 'users revoke ada@example.com support').action(
    async (name: string, role: string, options: RemoteOptions) => {
      const done = await cli.signedIn(options, async (connection) =>
        connection.client(AdminService).revokeRole({ userId: await accountId(connection, name), role }),
      );
      if (options.json) cli.output.message(RevokeRoleResponseSchema, done);
      else cli.output.line(`${name} no longer has the role ${role}; its earlier tokens are revoked`);
    },
  );

  const disable = users.command('disable <user>').description('disable an account');
  example(confirmed(disable), 'users disable ada@example.com --yes').action(
    async (name: string, options: ConfirmedOptions) => {
      await confirm(cli.terminal, `Disable ${name}? Its sessions end and its tokens are revoked.`, options.yes);
      const user = await cli.signedIn(options, async (connection) =>
        connection.client(AdminService).disableUser({ userId: await accountId(connection, name) }),
      );
      printUser(cli.output, user, options);
    },
  );

  const enable = users.command('enable <user>').description('enable a disabled account');
  example(remote(enable), 'users enable ada@example.com').action(async (name: string, options: RemoteOptions) => {
    const user = await cli.signedIn(options, async (connection) =>
      connection.client(AdminService).enableUser({ userId: await accountId(connection, name) }),
    );
    printUser(cli.output, user, options);
  });

  addUsersImport(users, cli);
}

async function listUsers({ signedIn, output }: Cli, options: UserFilter): Promise<void> {
  const { email = '', role = '', disabled, enabled, limit, json } = options;
  if (disabled && enabled) throw misuse('--disabled and --enabled exclude each other.');
  const filter = { emailPrefix: email, role, ...(disabled || enabled ? { disabled: Boolean(disabled) } : {}) };
  const found = await signedIn(options, ({ client }) =>
    collect(
      limit,
      (page) => client(AdminService).listUsers({ ...filter, ...page }),
      (page) => page.users,
    ),
  );
  if (json) return output.message(ListUsersResponseSchema, found);
  output.table(
    ['ID', 'EMAIL', 'NAME', 'ROLES', 'CREATED', 'DISABLED'],
    found.users.map((user) => [
      user.id,
      user.email,
      user.name,
      words(user.roles),
      when(user.createdAt),
      when(user.disabledAt),
    ]),
  );
  if (found.nextPageToken !== '') output.note(`more than ${limit} results; raise --limit to list them`);
}

function printUser(output: Output, user: User, { json }: RemoteOptions): void {
  if (json) return output.message(UserSchema, user);
  output.record([
    ['id', user.id],
    ['email', user.email],
    ['name', user.name],
    ['roles', words(user.roles)],
    ['created', when(user.createdAt)],
    ['email verified', when(user.emailVerifiedAt)],
    ['disabled', when(user.disabledAt)],
  ]);
}
