import type { States } from '#kit/states/states.ts';
import { join, type Sql, sql } from './sql.ts';

/** The two halves of a compare-and-set of a state. */
export interface Move {
  /** For SET: the new state. */
  readonly set: Sql;
  /** For WHERE: the row is in a state that the new one may follow. */
  readonly where: Sql;
}

/**
 * Moves rows from one state to another by compare-and-set on the column `state`: `UPDATE t SET ${set} WHERE ${where}`. A
 * row that another caller has moved meanwhile is not hit. Call it where a module loads: what the table forbids then keeps
 * the service from starting.
 * @throws Error where the table of the states does not allow it
 */
export function move<State extends string>(states: States<State>, from: State, to: State): Move {
  if (!states.allows(from, to)) throw new Error(`no transition leads from "${from}" to "${to}"`);
  return { set: sql`state = ${to}`, where: sql`state = ${from}` };
}

/**
 * The same from every state that the new one may follow.
 * @throws Error where no transition leads to it
 */
export function moveFromAny<State extends string>(states: States<State>, to: State): Move {
  const from = states.before(to);
  if (from.length === 0) throw new Error(`no transition leads to "${to}"`);
  return { set: sql`state = ${to}`, where: sql`state IN (${join([...from])})` };
}
