import type { Command } from 'commander';
import { type Key, KeySchema, KeyService, ListKeysResponseSchema } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { type Cli, confirmed, type ConfirmedOptions, example, listing, type ListOptions, remote } from '../cli.ts';
import type { RemoteOptions } from '../cli.ts';
import { type Output, when } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm } from '../terminal.ts';

/** `keys`: looks after signing keys. */
export function addKeys(program: Command, cli: Cli): void {
  const { output, signedIn, terminal } = cli;
  const keys = program.command('keys').description('signing keys (for administrators)');

  const list = keys.command('list').description('list keys, the one made last first');
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
      ['KID', 'ALG', 'STATE', 'MADE', 'SIGNS FROM', 'RETIRED'],
      found.keys.map(({ kid, alg, state, createdAt, activatedAt, retiredAt }) => [
        kid,
        alg,
        state,
        when(createdAt),
        when(activatedAt),
        when(retiredAt),
      ]),
    );
    if (found.nextPageToken !== '') output.note(`there are more than ${options.limit}; --limit lists them`);
  });

  const rotate = keys.command('rotate').description('make the next key, ahead of schedule');
  example(remote(rotate), 'keys rotate').action(async (options: RemoteOptions) => {
    tellKey(output, await signedIn(options, ({ client }) => client(KeyService).rotateKey({})), options);
  });

  const revoke = keys.command('revoke <kid>').description('take a key out of use at once, in an emergency');
  example(confirmed(revoke), 'keys revoke 4H0P3mfXq1M2rvyCRjTBhZ2ZsWMnfnQwmBJDjQvRtF0 --yes').action(
    async (kid: string, options: ConfirmedOptions) => {
      await confirm(terminal, `Revoke ${kid}? Every token that it signed is refused.`, options.yes);
      tellKey(output, await signedIn(options, ({ client }) => client(KeyService).revokeKey({ kid })), options);
    },
  );
}

function tellKey(output: Output, key: Key, { json }: RemoteOptions): void {
  if (json) return output.message(KeySchema, key);
  output.record([
    ['kid', key.kid],
    ['alg', key.alg],
    ['state', key.state],
    ['made', when(key.createdAt)],
    [key.state === 'pending' ? 'will sign from' : 'signs from', when(key.activatedAt)],
    ['retired', when(key.retiredAt)],
  ]);
}
