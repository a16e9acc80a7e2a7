/** The states of something and how they follow each other. */
export interface States<State extends string> {
  readonly all: readonly State[];
  /** Tells whether one state may follow another. */
  allows(from: State, to: State): boolean;
  /** The states that one may follow. */
  before(to: State): readonly State[];
}

/**
 * Defines states by a table, which is checked at once: call it where a module loads.
 * @param table by state, the states that may follow it
 * @param initial the states that something may begin in
 * @throws Error where the table names an unknown state, or one that cannot be reached
 */
export function defineStates<State extends string>(
  table: Readonly<Record<State, readonly NoInfer<State>[]>>,
  initial: readonly NoInfer<State>[],
): States<State> {
  const all = Object.keys(table) as State[];
  const named = [...initial, ...all.flatMap((state) => table[state])];
  const unknown = named.find((state) => !Object.hasOwn(table, state));
  if (unknown !== undefined) throw new Error(`the state "${unknown}" is not in the table`);
  const reached = new Set<State>(initial);
  // A set that grows is iterated to its end.
  for (const state of reached) for (const next of table[state]) reached.add(next);
  const unreached = all.find((state) => !reached.has(state));
  if (unreached !== undefined) throw new Error(`the state "${unreached}" cannot be reached`);
  return {
    all,
    allows: (from, to) => table[from].includes(to),
    before: (to) => all.filter((from) => table[from].includes(to)),
  };
}

/** The states that `defineStates` defined. */
export type StateOf<Defined> = Defined extends States<infer State> ? State : never;
