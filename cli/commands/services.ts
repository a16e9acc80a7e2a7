import type { Command } from 'commander';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { misuse } from '../failures.ts';

/** Options of `services keygen`. */
interface KeygenOptions extends AnswerOptions {
  readonly role?: readonly string[];
}

/** `services`: generates keys of services and machines. */
export function addServices(program: Command, cli: Cli): void {
  const services = program.command('services').description('generate service keys');
  const keygen = services
    .command('keygen <name>')
    .description('generate a key pair for a service and print it; it is not stored');
  keygen.option('--role <role...>', 'roles of a machine, which calls in its own name; omit for a service of the fleet');
  example(answering(keygen), 'services keygen reports --role support').action((name: string, options: KeygenOptions) =>
    printKey(cli, name, options),
  );
}

function printKey({ output }: Cli, name: string, { json, role: roles = [] }: KeygenOptions): void {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw misuse('a service name is a lower-case letter followed by lower-case letters, digits and -.');
  }
  if (!roles.every((role) => /^[a-z][a-z0-9_-]{0,63}$/.test(role)))
    throw misuse('a role name is a lower-case letter followed by lower-case letters, digits, _ and -.');
  const pair = generateServiceKey();
  // The only place that shows the key: the operator copies it from here.
  const key = pair.key.reveal();
  const entry = [`${name}=${pair.publicKey}`, ...(roles.length > 0 ? [roles.join('+')] : [])].join(':');
  if (json) return output.json({ name, service_key: key, services_entry: entry });
  output.line(`SIGNET_SERVICE_KEY=${key}`);
  output.line(`SIGNET_SERVICES=${entry}`);
  output.note(
    `the first line is the secret key of ${name}; add the second to SIGNET_SERVICES of auth, comma-separated`,
  );
}
