import type { Sql } from '#kit/store/sql.ts';
import { sqlOf, type Statement, type Statements, type Transactional } from '#kit/store/statements.ts';

/** A client that hands each statement to a function before it runs it. */
export function watched(db: Transactional, see: (statement: Sql) => void): Transactional {
  const over = (runs: Statements): Statements => ({
    $queryRaw<Rows>(...statement: Statement) {
      see(sqlOf(statement));
      return runs.$queryRaw<Rows>(...statement);
    },
    $executeRaw(...statement) {
      see(sqlOf(statement));
      return runs.$executeRaw(...statement);
    },
    $queryRawUnsafe: (text, ...values) => runs.$queryRawUnsafe(text, ...values),
  });
  return { ...over(db), $transaction: (run, options) => db.$transaction((tx) => run(over(tx)), options) };
}
