import type { Command } from 'commander';
import { generateKeyPairSync } from 'node:crypto';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { misuse } from '../failures.ts';

/** `services`: what services need to prove who they are. */
export function addServices(program: Command, cli: Cli): void {
  const services = program.command('services').description('the identity of services');
  const keygen = services.command('keygen <name>').description('make a key for a service; it is kept nowhere');
  example(answering(keygen), 'services keygen reports').action((name: string, { json }: AnswerOptions) => {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
      throw misuse('a service is named in lower case: a letter, then letters, digits and -.');
    const { key, publicKey } = generateServiceKey();
    const entry = `${name}=${publicKey}`;
    if (json) return cli.output.json({ name, service_key: key, services_entry: entry });
    cli.output.line(`SIGNET_SERVICE_KEY=${key}`);
    cli.output.line(`SIGNET_SERVICES=${entry}`);
    cli.output.note(
      `the first line is for ${name} alone, and secret; the second, joined with a comma to what is there, for auth`,
    );
  });
}

function generateServiceKey() {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { key: String(jwk.d), publicKey: String(jwk.x) };
}
