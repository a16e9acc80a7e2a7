import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Environment, Key } from './config.ts';

/** Maximum size of a file with a secret, bytes. */
const largestFile = 64 * 1_024;

const secrets = new WeakSet<z.ZodType>();

/** Marks a schema whose value is a secret. Its keys can be set by a file, too. Returns the schema. */
export function asSecret<T extends z.ZodType>(schema: T): T {
  secrets.add(schema);
  return schema;
}

/** Returns whether a key's value is a secret, so that its `_FILE` twin can set it. */
export function isSecret({ schema }: Pick<Key, 'schema'>): boolean {
  return isMarked(schema);
}

function isMarked(schema: unknown): boolean {
  if (!(schema instanceof z.ZodType)) return false;
  return secrets.has(schema) || (schema instanceof z.ZodPipe && isMarked(schema.out));
}

/** The variable with the path of the file that has the value of a secret key: a mounted secret of Docker, Kubernetes or a vault. */
export function twinOf(env: string): string {
  return `${env}_FILE`;
}

/** The variables that can set a key. */
export function variablesOf(key: Key): string[] {
  return isSecret(key) ? [key.env, twinOf(key.env)] : [key.env];
}

/** Returns whether an environment sets a secret key, directly or by its file. */
export function isGiven(env: string, environment: Environment): boolean {
  return Boolean(environment[env] || environment[twinOf(env)]);
}

/** What an environment has for a key: a text, or why it cannot be read, or neither if the key is unset. */
export interface Given {
  readonly text?: string | undefined;
  /** Names the variables and the file, never the value. */
  readonly problem?: string;
  readonly isFromFile: boolean;
}

/**
 * Returns what an environment has for a key. An empty variable counts as unset. The text of a secret key comes from its
 * variable or from the file that its twin names, without a trailing line break. In production, warns on standard error
 * about a file that all users of the machine can read.
 */
export function givenFor(key: Pick<Key, 'env' | 'schema'>, environment: Environment): Given {
  const twin = twinOf(key.env);
  const [text, file] = [environment[key.env] || undefined, environment[twin] || undefined];
  if (file === undefined || !isSecret(key)) return { text, isFromFile: false };
  if (text !== undefined) return { problem: `must not be set together with ${twin}`, isFromFile: true };
  return { ...readNamedFile(twin, file, environment['NODE_ENV'] === 'production'), isFromFile: true };
}

/**
 * Reads the file that a variable names, without a trailing line break.
 * @param warns whether to warn on standard error, once, if all users of the machine can read the file
 * @returns the text, or why the file cannot be used: names the variable and the file, never the content
 */
export function readNamedFile(
  variable: string,
  file: string,
  warns: boolean,
): { readonly text: string } | { readonly problem: string } {
  const fail = (what: string) => ({ problem: `${file} of ${variable} ${what}` });
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return fail('is not a file');
    if (stat.size > largestFile) return fail(`is larger than ${largestFile / 1_024} KiB`);
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (text === '') return fail('is empty');
    if (warns && (stat.mode & 0o004) !== 0) warnOnce(variable, file);
    return { text };
  } catch (error) {
    return fail(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

const warned = new Set<string>();

/** Services of one process read the same file. */
function warnOnce(variable: string, file: string): void {
  if (warned.has(file)) return;
  warned.add(file);
  process.stderr.write(`signet: ${variable}: all users of this machine can read ${file}; set its mode to 0400\n`);
}
