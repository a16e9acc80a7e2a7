import type { Command } from 'commander';
import {
  DeleteRoleResponseSchema,
  ListRolesResponseSchema,
  RoleSchema,
  RoleService,
} from '#gen/proto/signet/auth/v1/role_service_pb.ts';
import { type Cli, confirmed, type ConfirmedOptions, example, listing, type ListOptions, remote } from '../cli.ts';
import type { RemoteOptions } from '../cli.ts';
import { when, words } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm } from '../terminal.ts';

/** `roles`: manages operator-defined roles. */
export function addRoles(program: Command, cli: Cli): void {
  const { output, signedIn, terminal } = cli;
  const roles = program.command('roles').description('manage roles and their scopes (administrators only)');

  const list = roles.command('list').description('list roles by name');
  example(listing(list), 'roles list').action(async (options: ListOptions) => {
    const found = await signedIn(options, ({ client }) =>
      collect(
        options.limit,
        (page) => client(RoleService).listRoles(page),
        (page) => page.roles,
      ),
    );
    if (options.json) return output.message(ListRolesResponseSchema, found);
    output.table(
      ['ROLE', 'SCOPES', 'CREATED'],
      found.roles.map(({ role, scopes, builtIn, createdAt }) => [
        role,
        words(scopes),
        builtIn ? 'built in' : when(createdAt),
      ]),
    );
    if (found.nextPageToken !== '') output.note(`more than ${options.limit} results; raise --limit to list them`);
  });

  const put = roles.command('put <role> [scopes...]').description('create a role, or replace its scopes');
  example(remote(put), 'roles put auditor audit:read users:read').action(
    async (name: string, scopes: string[], options: RemoteOptions) => {
      const role = await signedIn(options, ({ client }) => client(RoleService).putRole({ role: name, scopes }));
      if (options.json) return output.message(RoleSchema, role);
      output.record([
        ['role', role.role],
        ['scopes', words(role.scopes)],
      ]);
    },
  );

  const remove = roles.command('delete <role>').description('delete a role and revoke it from all accounts');
  example(confirmed(remove), 'roles delete auditor --yes').action(async (role: string, options: ConfirmedOptions) => {
    await confirm(terminal, `Delete the role ${role} and revoke it from all accounts?`, options.yes);
    const done = await signedIn(options, ({ client }) => client(RoleService).deleteRole({ role }));
    if (options.json) return output.message(DeleteRoleResponseSchema, done);
    output.line(`deleted the role ${role}`);
  });
}
