import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { type Key, KeySchema, KeyService, ListKeysResponseSchema } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { isEncryptedPem, PrivateKeyError, readPrivatePem } from '#kit/identity/private-pem.ts';
import {
  type Cli,
  confirmed,
  type ConfirmedOptions,
  example,
  isReadable,
  listing,
  type ListOptions,
  remote,
  type RemoteOptions,
  serverUrl,
} from '../cli.ts';
import { misuse } from '../failures.ts';
import { type Output, when } from '../output.ts';
import { collect } from '../pages.ts';
import { confirm, type Terminal } from '../terminal.ts';

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

  const imported = keys
    .command('import <pem>')
    .description('make a private key of openssl the next signing key; prompts for the passphrase of an encrypted one');
  example(remote(imported), 'keys import signing-key.pem').action(async (file: string, options: RemoteOptions) => {
    const url = serverUrl(cli.environment, options);
    if (isReadable(url)) throw misuse(`a private key is not sent to ${url}: the connection is not encrypted.`);
    const pem = await readKeyFile(file, terminal);
    printKey(output, await signedIn(options, ({ client }) => client(KeyService).importKey({ pem })), options);
  });

  const revoke = keys.command('revoke <kid>').description('revoke a compromised key immediately');
  // One kid in 64 begins with a hyphen, and is no option. A misspelt option is then an argument too many.
  revoke.allowUnknownOption();
  example(confirmed(revoke), 'keys revoke 4H0P3mfXq1M2rvyCRjTBhZ2ZsWMnfnQwmBJDjQvRtF0 --yes').action(
    async (kid: string, options: ConfirmedOptions) => {
      await confirm(terminal, `Revoke ${kid}? Every token that it signed becomes invalid.`, options.yes);
      printKey(output, await signedIn(options, ({ client }) => client(KeyService).revokeKey({ kid })), options);
    },
  );
}

/** Reads a private key. Returns it in PKCS#8, decrypted. @throws CommandFailure if the file has none, or no passphrase can be asked for */
async function readKeyFile(file: string, terminal: Terminal): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw misuse(`${file} cannot be read: ${error.code}.`);
  });
  const isLocked = isEncryptedPem(text) && terminal.isInteractive;
  const passphrase = isLocked ? await terminal.askHidden(`passphrase of ${file}: `) : undefined;
  try {
    return String(readPrivatePem(text, passphrase).export({ type: 'pkcs8', format: 'pem' }));
  } catch (error) {
    if (error instanceof PrivateKeyError) throw misuse(`${file}: ${error.message}`);
    throw error;
  }
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
