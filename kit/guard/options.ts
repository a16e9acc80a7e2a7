import { z } from 'zod';

/** Longest time that a timer of Node can wait, ms; a longer one fires at once. */
const longestTimer = 2_147_483_647;

/** A time in milliseconds: a finite number. */
export function milliseconds(min: number, max = longestTimer) {
  const range = `must be a number of milliseconds from ${min} to ${max}`;
  return z.number(range).min(min, range).max(max, range);
}

/** A whole number. */
export function whole(min: number, max: number) {
  const range = `must be a whole number from ${min} to ${max}`;
  return z.int(range).min(min, range).max(max, range);
}

/** A function, such as a clock. */
export const func = z.custom<unknown>((value) => typeof value === 'function', 'must be a function');

/** An object, kept as it is, that has methods. */
export function having(...methods: readonly string[]) {
  return z.custom<unknown>(
    (value) => methods.every((name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
    `must have ${methods.join(', ')}`,
  );
}

/**
 * Checks options by a strict schema, so that a misspelt name or a number that is
 * none cannot switch a check off.
 * @throws Error naming each option that is unknown, missing or out of range, never its value
 */
export function checkOptions(of: string, schema: z.ZodType, given: unknown): void {
  const faults = faultsIn(schema, given);
  if (faults.length > 0) throw new Error(`Options of ${of}: ${faults.join('; ')}.`);
}

/** What is wrong with a value, in words; empty where nothing is. */
export function faultsIn(schema: z.ZodType, given: unknown): string[] {
  const { error } = schema.safeParse(given);
  return (error?.issues ?? []).map((issue) => {
    if (issue.code === 'unrecognized_keys') return `unknown: ${issue.keys.join(', ')}`;
    // A place in a list says nothing that its name does not.
    const where = issue.path.filter((part) => typeof part === 'string').join('.');
    return where === '' ? issue.message : `${where} ${issue.message}`;
  });
}
