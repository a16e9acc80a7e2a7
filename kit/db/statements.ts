import type { Pool, QueryResult, QueryResultRow } from 'pg';
import { types } from 'pg';
import { sqlOf, type Statement, type Statements, type Transactional } from '#kit/store/statements.ts';
import { inStatementSpan } from '#kit/telemetry/spans.ts';

/** Returns the name of a statement; empty for none. */
type NameOf = (query: { readonly sql: string }) => string;

interface Query {
  readonly text: string;
  readonly values: unknown[];
}

/** Runs a query on the pool, or on the connection of a transaction. */
type Run = <Row extends QueryResultRow>(query: {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
  readonly types: typeof parsers;
}) => Promise<QueryResult<Row>>;

/**
 * Runs statements by pg, at about a quarter of the cost of Prisma's client. Prepared where they have a name: each is then
 * parsed once per connection.
 */
export function createStatements(pool: Pool, nameOf: NameOf = () => ''): Transactional {
  const over = (run: Run): Statements => {
    async function result<Row extends QueryResultRow>({ text, values }: Query) {
      return inStatementSpan(text, () => run<Row>({ name: nameOf({ sql: text }), text, values, types: parsers }));
    }
    return {
      $queryRaw: async <Rows>(...statement: Statement) => (await result(sqlOf(statement))).rows as Rows,
      $executeRaw: async (...statement) => (await result(sqlOf(statement))).rowCount ?? 0,
      $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
        (await result({ text, values })).rows as Rows,
    };
  };
  return {
    ...over((query) => pool.query(query)),
    async $transaction(run, { timeout = 10_000, isolationLevel } = {}) {
      const client = await pool.connect();
      const end = performance.now() + timeout;
      const refuseLate = () => {
        if (performance.now() > end) throw new Error(`The transaction took longer than ${timeout} ms`);
      };
      let broken: unknown;
      try {
        await client.query(isolationLevel === undefined ? 'BEGIN' : 'BEGIN ISOLATION LEVEL REPEATABLE READ');
        const outcome = await run(
          over((query) => {
            refuseLate();
            return client.query(query);
          }),
        );
        refuseLate();
        const { command } = await client.query('COMMIT');
        // PostgreSQL answers ROLLBACK where a statement failed and `run` did not throw.
        if (command !== 'COMMIT') throw new Error('the transaction was rolled back: one of its statements had failed');
        return outcome;
      } catch (error) {
        // The statement still runs, and a ROLLBACK would wait for it.
        if (error instanceof Error && error.message.startsWith('Query read timeout')) broken = error;
        else {
          await client.query('ROLLBACK').catch((failed: unknown) => {
            broken = failed;
          });
        }
        throw error;
      } finally {
        // A connection that cannot roll back is closed.
        client.release(broken !== undefined);
      }
    },
  };
}

/** OIDs of types that pg reads with a loss, or into other types than Prisma's client. */
const unread = new Map([
  [1700, 'numeric'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1083, 'time'],
  [1231, 'numeric[]'],
  [1182, 'date[]'],
  [1115, 'timestamp[]'],
]);

/** OIDs of integers that a number cannot hold. */
const int8 = 20;
const int8Array = 1016;

/** pg's readers. Its types list only some OIDs. */
const readerOf: (oid: number, format?: 'text' | 'binary') => (text: string) => unknown = types.getTypeParser;

/** Readers of values from PostgreSQL's text format. */
const parsers = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    const read = readerOf(oid, format);
    if (oid === int8) return BigInt;
    if (oid === int8Array)
      return (text) => (read(text) as (string | null)[]).map((one) => (one === null ? null : BigInt(one)));
    const name = unread.get(oid);
    // Thrown here, it would end the process: pg catches the errors of readers only.
    if (name !== undefined) return () => refuseType(name);
    return read;
  },
};

function refuseType(name: string): never {
  throw new Error(`a statement returns a ${name}: cast it to text, float8, int8 or timestamptz`);
}
