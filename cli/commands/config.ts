import type { Command } from 'commander';
import type { Key } from '#kit/config/config.ts';
import { Secret } from '#kit/log/secret.ts';
import { serviceKeys } from '../../scripts/docs.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure } from '../failures.ts';

/** A key, as it stands on this machine. */
interface Shown {
  readonly name: string;
  /** Its text; not that of a secret, nor of one that cannot be used, which may be one put in the wrong place. */
  readonly value: string;
  readonly source: 'environment' | '.env' | 'default' | 'unset';
  readonly read_by: string[];
  /** Why it cannot be used. */
  readonly problem?: string;
}

/** `config`: what the services would be configured with, started here. */
export function addConfig(program: Command, cli: Cli): void {
  const config = program.command('config').description('the configuration that services would have, started here');
  const print = config.command('print').description('print every key of every service: value, and where it came from');
  example(answering(print), 'config print').action((options: AnswerOptions) => printConfig(cli, options));
}

async function printConfig({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const readers = new Map<string, { key: Key; read_by: string[] }>();
  for (const [service, keys] of await serviceKeys()) {
    for (const key of Object.values(keys)) {
      const known = readers.get(key.env) ?? { key, read_by: [] };
      readers.set(key.env, known);
      known.read_by.push(service);
    }
  }
  const shown = [...readers.values()]
    .map(({ key, read_by: readBy }) => show(key, environment, readBy))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  if (json) output.json({ keys: shown });
  else {
    output.table(
      ['KEY', 'VALUE', 'FROM', 'READ BY'],
      shown.map(({ name, value, source, read_by: readBy }) => [name, value, source, readBy.join(', ')]),
    );
  }
  const bad = shown.filter(({ problem }) => problem !== undefined);
  if (bad.length > 0) {
    throw new CommandFailure(['configuration:', ...bad.map(({ name, problem }) => `  ${name}: ${problem}`)].join('\n'));
  }
}

function show(key: Key, environment: Cli['environment'], readBy: string[]): Shown {
  const given = environment[key.env] || undefined;
  const text = given ?? key.default;
  const about = { name: key.env, read_by: readBy };
  if (text === undefined) return { ...about, value: '', source: 'unset' };
  const source = given === undefined ? 'default' : process.env[key.env] === given ? 'environment' : '.env';
  const read = key.schema.safeParse(text);
  if (!read.success) {
    const problem = read.error.issues.map(({ message }) => message).join('; ');
    return { ...about, value: '[not valid]', source, problem };
  }
  return { ...about, value: holdsSecret(read.data) ? '[redacted]' : withoutPassword(text), source };
}

/** Tells whether what a key's text became has a secret anywhere in it. */
function holdsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  if (value instanceof Map) return [...value.values()].some(holdsSecret);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsSecret);
}

/** A URL may have a password in it, whatever it is for. */
function withoutPassword(text: string): string {
  return text.replaceAll(/(?<=\/\/)[^/\s,@]*:[^/\s,]*(?=@)/g, '[redacted]');
}
