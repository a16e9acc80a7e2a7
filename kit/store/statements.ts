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
  /** Returns the rows of a statement with placeholders `$1`, `$2`. Only for the SQL of a library, because values are easily put into text. */
  $queryRawUnsafe<Rows>(text: string, ...values: unknown[]): Promise<Rows>;
}

/** Options of a transaction. */
export interface TransactionOptions {
  /** No statement begins, and nothing is committed, after this time, ms; default 10,000. */
  readonly timeout?: number;
  /** One snapshot for all its statements. Default: each sees what was committed before it. */
  readonly isolationLevel?: 'RepeatableRead';
}

/** Statements, and transactions of them. */
export interface Transactional extends Statements {
  /** Runs a function in a transaction. It is rolled back if the function throws. @throws Error past the timeout */
  $transaction<Result>(run: (tx: Statements) => Promise<Result>, options?: TransactionOptions): Promise<Result>;
}

/** Returns a given statement as `sql` does. */
export function sqlOf([first, ...values]: Statement): Sql {
  return 'raw' in first ? sql(first, ...values) : first;
}
