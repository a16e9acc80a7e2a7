import { z } from 'zod';

/** Maximum delay of a Node timer, ms. A longer delay fires at once. */
const longestTimer = 2_147_483_647;

/** Schema of a time in milliseconds. */
export function milliseconds(min: number, max = longestTimer) {
  const range = `must be a number of milliseconds from ${min} to ${max}`;
  return z.number(range).min(min, range).max(max, range);
}

/** Schema of an integer. */
export function whole(min: number, max: number) {
  const range = `must be a whole number from ${min} to ${max}`;
  return z.int(range).min(min, range).max(max, range);
}

/** Schema of a function, such as a clock. */
export const func = z.custom<unknown>((value) => typeof value === 'function', 'must be a function');

/** Schema of an object that has the given methods. */
export function having(...methods: readonly string[]) {
  return z.custom<unknown>(
    (value) => methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
    `must have ${methods.join(', ')}`,
  );
}

/**
 * Checks options against a strict schema, so that a misspelt name or NaN cannot
 * disable a check.
 * @throws Error naming each unknown, missing or invalid option, never its value
 */
export function checkOptions(of: string, schema: z.ZodType, given: unknown): void {
  const faults = faultsIn(schema, given);
  if (faults.length > 0) throw new Error(`Options of ${of}: ${faults.join('; ')}.`);
}

/** Returns descriptions of a value's faults, empty if it is valid. */
export function faultsIn(schema: z.ZodType, given: unknown): string[] {
  const { error } = schema.safeParse(given);
  return (error?.issues ?? []).map((issue) => {
    if (issue.code === 'unrecognized_keys') return `unknown: ${issue.keys.join(', ')}`;
    // Without list indexes: the name of the list is enough.
    const where = issue.path.filter((part) => typeof part === 'string').join('.');
    return where === '' ? issue.message : `${where} ${issue.message}`;
  });
}
