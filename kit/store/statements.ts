import { type Sql, sql } from './sql.ts';

/** How a statement is given: as a tagged template, or as `sql` returns it. */
export type Statement = readonly [text: TemplateStringsArray | Sql, ...values: readonly unknown[]];

/**
 * Runs SQL: a service's database (`database.statements`), a transaction of it, or a Prisma client or transaction. The
 * names are Prisma's, so that a store's function takes either.
 */
export interface Statements {
  /** Returns the rows: `int8` as bigint, `timestamptz` as Date, `bytea` as Uint8Array, `json` parsed. */
  $queryRaw<Rows>(...statement: Statement): Promise<Rows>;
  /** Returns the number of affected rows. */
  $executeRaw(...statement: Statement): Promise<number>;
}

/** Statements, and transactions of them. */
export interface Transactional extends Statements {
  /** Runs a function in a transaction. It is rolled back if the function throws. */
  $transaction<Result>(run: (tx: Statements) => Promise<Result>): Promise<Result>;
}

/** Returns a given statement as `sql` does. */
export function sqlOf([first, ...values]: Statement): Sql {
  return 'raw' in first ? sql(first, ...values) : first;
}
