/** States and their transitions. */
export interface States<State extends string> {
  readonly all: readonly State[];
  /** Returns whether the transition is allowed. */
  allows(from: State, to: State): boolean;
  /** Returns the states with a transition to a state. */
  before(to: State): readonly State[];
  /** Returns whether a state has no transition to another one. */
  isFinal(state: State): boolean;
}

/**
 * Defines states by a transition table, which it checks. Call it when a module loads.
 * @param table the next states of each state
 * @param initial the initial states
 * @throws Error if the table has an unknown or unreachable state
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
  // The iteration includes states that are added meanwhile.
  for (const state of reached) for (const next of table[state]) reached.add(next);
  const unreached = all.find((state) => !reached.has(state));
  if (unreached !== undefined) throw new Error(`the state "${unreached}" cannot be reached`);
  return {
    all,
    allows: (from, to) => table[from].includes(to),
    before: (to) => all.filter((from) => table[from].includes(to)),
    isFinal: (state) => table[state].length === 0,
  };
}

/** The union of the states of `defineStates`. */
export type StateOf<Defined> = Defined extends States<infer State> ? State : never;
