import type { Command } from 'commander';
import type { Key } from '#kit/config/config.ts';
import { givenFor } from '#kit/config/secret-file.ts';
import { Secret } from '#kit/log/secret.ts';
import { serviceKeys } from '../../services/keys.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure } from '../failures.ts';

/** A configuration key with its current value. */
interface Shown {
  readonly name: string;
  /** Text of the value. Secrets are redacted; so are invalid values, which may be misplaced secrets. */
  readonly value: string;
  readonly source: 'environment' | '.env' | 'file' | 'default' | 'unset';
  readonly read_by: string[];
  /** Why the value is invalid. */
  readonly problem?: string;
}

/** `config`: prints the configuration of services started in this environment. */
export function addConfig(program: Command, cli: Cli): void {
  const config = program
    .command('config')
    .description('show the configuration of services started in this environment');
  const print = config.command('print').description('print every key of every service with its value and source');
  example(answering(print), 'config print').action((options: AnswerOptions) => printConfig(cli, options));
}

async function printConfig({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const readers = new Map<string, { key: Key; read_by: string[] }>();
  for (const [service, keys] of serviceKeys) {
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
  const { text: given, problem: unreadable, isFromFile } = givenFor(key, environment);
  const text = given ?? key.default;
  const about = { name: key.env, read_by: readBy };
  if (unreadable !== undefined) return { ...about, value: '[invalid]', source: 'file', problem: unreadable };
  if (text === undefined) return { ...about, value: '', source: 'unset' };
  const variable = process.env[key.env] === given ? 'environment' : '.env';
  const source = isFromFile ? 'file' : given === undefined ? 'default' : variable;
  const read = key.schema.safeParse(text);
  if (!read.success) {
    const problem = read.error.issues.map(({ message }) => message).join('; ');
    return { ...about, value: '[invalid]', source, problem };
  }
  return { ...about, value: holdsSecret(read.data) ? '[redacted]' : withoutPassword(text), source };
}

/** Whether a parsed value contains a secret. */
function holdsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  if (value instanceof Map) return [...value.values()].some(holdsSecret);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsSecret);
}

/** Redacts passwords in URLs. */
function withoutPassword(text: string): string {
  return text.replaceAll(/(?<=\/\/)[^/\s,@]*:[^/\s,]*(?=@)/g, '[redacted]');
}
