import { createWrites, type Writes } from '#kit/work/writes.ts';

const all = new Map<string, Writes>();

/** The events that this process records in a schema: `record` announces them, and the sequencer numbers them. */
export function writesOf(schema: string): Writes {
  const known = all.get(schema) ?? createWrites();
  all.set(schema, known);
  return known;
}
