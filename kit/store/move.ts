import type { States } from '#kit/states/states.ts';
import { join, type Sql, sql } from './sql.ts';

/** The SQL of a state transition by compare-and-set. */
export interface Move {
  /** For SET: the new state. */
  readonly set: Sql;
  /** For WHERE: the row is in a state with a transition to the new one. */
  readonly where: Sql;
}

/**
 * Returns the SQL of a transition by compare-and-set on the column `state`: `UPDATE t SET ${set} WHERE ${where}`. It does
 * not match a row that another caller has moved meanwhile. Call it when a module loads, so that a forbidden transition
 * prevents the start.
 * @throws Error if the transition table does not allow it
 */
export function move<State extends string>(states: States<State>, from: State, to: State): Move {
  if (!states.allows(from, to)) throw new Error(`no transition leads from "${from}" to "${to}"`);
  return { set: sql`state = ${to}`, where: sql`state = ${from}` };
}

/**
 * Returns the SQL of the transitions from all states that allow it.
 * @throws Error if no transition leads to the state
 */
export function moveFromAny<State extends string>(states: States<State>, to: State): Move {
  const from = states.before(to);
  if (from.length === 0) throw new Error(`no transition leads to "${to}"`);
  return { set: sql`state = ${to}`, where: sql`state IN (${join([...from])})` };
}
