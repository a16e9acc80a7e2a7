import type { Command } from 'commander';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { misuse } from '../failures.ts';

/** Roles that the service is to have in its own name. */
interface KeygenOptions extends AnswerOptions {
  readonly role?: readonly string[];
}

/** `services`: what services need to prove who they are. */
export function addServices(program: Command, cli: Cli): void {
  const services = program.command('services').description('the identity of services');
  const keygen = services.command('keygen <name>').description('make a key for a service; it is kept nowhere');
  keygen.option('--role <role...>', 'makes it a machine, which calls in its own name, and no service of the fleet');
  example(answering(keygen), 'services keygen reports --role support').action((name: string, options: KeygenOptions) =>
    printKey(cli, name, options),
  );
}

function printKey({ output }: Cli, name: string, { json, role: roles = [] }: KeygenOptions): void {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw misuse('a service is named in lower case: a letter, then letters, digits and -.');
  }
  if (!roles.every((role) => /^[a-z][a-z0-9_-]{0,63}$/.test(role))) throw misuse('a role is a word in lower case.');
  const pair = generateServiceKey();
  // The one place that shows it: whoever asked takes it from here to where the service runs.
  const key = pair.key.reveal();
  const entry = [`${name}=${pair.publicKey}`, ...(roles.length > 0 ? [roles.join('+')] : [])].join(':');
  if (json) return output.json({ name, service_key: key, services_entry: entry });
  output.line(`SIGNET_SERVICE_KEY=${key}`);
  output.line(`SIGNET_SERVICES=${entry}`);
  output.note(
    `the first line is for ${name} alone, and secret; the second is for auth, after a comma where there are more`,
  );
}
