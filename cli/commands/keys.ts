import type { Command } from 'commander';
import { type Key, KeySchema, KeyService, ListKeysResponseSchema } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { type Cli, confirmed, type ConfirmedOptions, example, listing, type ListOptions, remote } from '../cli.ts';
import type { RemoteOptions } from '../cli.ts';
import { type Output, when } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm } from '../terminal.ts';

/** `keys`: manages signing keys. */
export function addKeys(program: Command, cli: Cli): void {
  const { output, signedIn, terminal } = cli;
  const keys = program.command('keys').description('manage signing keys (administrators only)');

  const list = keys.command('list').description('list keys, newest first');
  example(listing(list), 'keys list').action(async (options: ListOptions) => {
    const found = await signedIn(options, ({ client }) =>
      collect(
        options.limit,
        (page) => client(KeyService).listKeys(page),
        (page) => page.keys,
      ),
    );
    if (options.json) return output.message(ListKeysResponseSchema, found);
    output.table(
      ['KID', 'ALG', 'STATE', 'CREATED', 'SIGNS FROM', 'RETIRED'],
      found.keys.map(({ kid, alg, state, createdAt, activatedAt, retiredAt }) => [
        kid,
        alg,
        state,
        when(createdAt),
        when(activatedAt),
        when(retiredAt),
      ]),
    );
    if (found.nextPageToken !== '') output.note(`more than ${options.limit} results; raise --limit to list them`);
  });

  const rotate = keys.command('rotate').description('rotate the signing key ahead of schedule');
  example(remote(rotate), 'keys rotate').action(async (options: RemoteOptions) => {
    printKey(output, await signedIn(options, ({ client }) => client(KeyService).rotateKey({})), options);
  });

  const revoke = keys.command('revoke <kid>').description('revoke a compromised key immediately');
  example(confirmed(revoke), 'keys revoke 4H0P3mfXq1M2rvyCRjTBhZ2ZsWMnfnQwmBJDjQvRtF0 --yes').action(
    async (kid: string, options: ConfirmedOptions) => {
      await confirm(terminal, `Revoke ${kid}? Every token that it signed becomes invalid.`, options.yes);
      printKey(output, await signedIn(options, ({ client }) => client(KeyService).revokeKey({ kid })), options);
    },
  );
}

function printKey(output: Output, key: Key, { json }: RemoteOptions): void {
  if (json) return output.message(KeySchema, key);
  output.record([
    ['kid', key.kid],
    ['alg', key.alg],
    ['state', key.state],
    ['created', when(key.createdAt)],
    [key.state === 'pending' ? 'will sign from' : 'signs from', when(key.activatedAt)],
    ['retired', when(key.retiredAt)],
  ]);
}
