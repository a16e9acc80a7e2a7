import type { z } from 'zod';
import { Secret } from '#kit/log/secret.ts';
import { givenFor, isSecret } from './secret-file.ts';

/** One key of a service's configuration. */
export interface Key<T = unknown> {
  /** Name of the environment variable. */
  readonly env: string;
  /** Parses the variable's text. */
  readonly schema: z.ZodType<T, string>;
  /** Text used if the variable is unset. Without it and `optional`, the key is required. */
  readonly default?: string;
  /** The value of an unset variable is undefined. */
  readonly optional?: boolean;
  /** Description, for docs/configuration.md. */
  readonly doc: string;
}

/** A service's keys, by the names that its code uses. */
export type Keys = Record<string, Key>;

/** The values of keys. */
export type Config<K extends Keys> = Readonly<{
  [P in keyof K]: K[P] extends Key<infer T> ? (K[P] extends { optional: true } ? T | undefined : T) : never;
}>;

/** Source of values: `process.env`, or an object in tests. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Thrown if keys are missing or invalid. Names all of them, never their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Declares one key. */
export function key<T, O extends Omit<Key<T>, 'env' | 'schema'>>(
  env: string,
  schema: z.ZodType<T, string>,
  options: O,
) {
  return { env, schema, ...options };
}

/**
 * Reads the configurations of several services.
 * @param environmentOf returns the environment of a service
 * @throws ConfigError naming the missing or invalid keys of all services
 */
export function readConfigs<S extends Record<string, Keys>>(
  services: S,
  environmentOf: (service: string) => Environment,
): { readonly [P in keyof S]: Config<S[P]> } {
  // A set, because services share keys.
  const problems = new Set<string>();
  const configs = Object.entries(services).map(([service, keys]) => [
    service,
    read(keys, environmentOf(service), problems),
  ]);
  assertNone(problems);
  return Object.fromEntries(configs) as { readonly [P in keyof S]: Config<S[P]> };
}

/**
 * Reads a service's configuration. An empty variable counts as unset. The variable `<KEY>_FILE` of a secret key names a
 * file with its value.
 * @throws ConfigError naming all missing or invalid keys
 */
export function readConfig<K extends Keys>(keys: K, env: Environment): Config<K> {
  const problems = new Set<string>();
  const config = read(keys, env, problems);
  assertNone(problems);
  return config;
}

function read<K extends Keys>(keys: K, env: Environment, problems: Set<string>): Config<K> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(keys)) {
    const given = givenFor(spec, env);
    if (given.problem !== undefined) {
      problems.add(`${spec.env}: ${given.problem}`);
      continue;
    }
    const text = given.text ?? spec.default;
    if (text === undefined) {
      if (!spec.optional) problems.add(`${spec.env}: must be set`);
      continue;
    }
    const wrapped = wrapping(text);
    if (wrapped !== undefined) {
      problems.add(`${spec.env}: must not have ${wrapped} around it`);
      continue;
    }
    const result = spec.schema.safeParse(text);
    if (result.data instanceof Secret && !isSecret(spec)) {
      throw new Error(`${spec.env}: its schema creates a Secret and must be marked with asSecret`);
    }
    if (result.success) values[name] = result.data;
    else problems.add(`${spec.env}: ${result.error.issues.map((issue) => issue.message).join('; ')}`);
  }
  return Object.freeze(values) as Config<K>;
}

/** Returns what is around a value that files of variables, such as those of Docker, do not remove; usually undefined. */
function wrapping(text: string): string | undefined {
  if (/^(["'`]).*\1$/s.test(text)) return 'quotation marks';
  return text.trim() === text ? undefined : 'spaces or line breaks';
}

function assertNone(problems: ReadonlySet<string>): void {
  if (problems.size > 0) throw new ConfigError(`configuration:\n  ${[...problems].join('\n  ')}`);
}
