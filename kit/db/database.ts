import { PrismaPg } from '@prisma/adapter-pg';
import { type ClientConfig, Pool } from 'pg';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { noMetrics, type ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { createStatementNames } from './statements.ts';
import { createWritable } from './writable.ts';

/** How to reach a database. */
export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: Secret;
  /** Most connections at once; 10 unless told. */
  readonly max?: number;
  /** Longest time for a statement, ms; 30,000 unless told. */
  readonly statementTimeout?: number;
  /** What the server's own lists call us. */
  readonly applicationName: string;
  readonly log: Log;
  /** Where its connections are counted; nowhere unless told. */
  readonly metrics?: ServiceMetrics;
}

/** A pool of connections, and Prisma's way to it. */
export interface Database {
  readonly pool: Pool;
  /** For `new PrismaClient({ adapter })`. */
  readonly adapter: PrismaPg;
  /** Whether the database answers and takes writes. Cheap: all who ask within a second share an answer. */
  readonly writable: () => Promise<boolean>;
  /** Waits for running statements and closes all connections. Twice is as good as once. */
  readonly close: () => Promise<void>;
}

/** Longest wait for a connection, ms: a database that is away must fail a request, not hold it. */
const connectTimeout = 5_000;
/** How much longer than a statement may take an answer is waited for, ms: then the connection was lost without a word. */
const answerGrace = 1_000;
/** Longest wait for a row that somebody else holds, ms: whoever waits holds a connection that others wait for. */
const lockTimeout = 3_000;
/** Longest time that a transaction may hold its locks while we do something else, ms. */
const idleInTransactionTimeout = 30_000;
/** Longest life of a connection, s: a session keeps settings that the database has changed since. */
const connectionLife = 600;
/** Distinct statements that a connection may keep prepared. */
const preparedStatements = 500;

/** Opens a pool. Connects to nothing yet: the first use does. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, max = 10, applicationName, log, metrics = noMetrics, statementTimeout = 30_000 } = options;
  const pool = new Pool({
    ...connection(url, `-c lock_timeout=${lockTimeout}`),
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeout,
    statement_timeout: statementTimeout,
    query_timeout: statementTimeout + answerGrace,
    idle_in_transaction_session_timeout: idleInTransactionTimeout,
    keepAlive: true,
    maxLifetimeSeconds: connectionLife,
  });
  // An idle connection that breaks is an 'error' event, and would end the
  // process if nobody listened. The pool has dropped it by then.
  pool.on('error', (error) => log.warn(withoutClient(error), 'a database connection was lost'));
  // The same for one that breaks while a transaction holds it, between statements.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.debug(withoutClient(error), 'a database connection broke')),
  );
  metrics.watch('signet_database_connections', () => pool.totalCount);
  metrics.watch('signet_database_connections_idle', () => pool.idleCount);
  metrics.watch('signet_database_waiting', () => pool.waitingCount);
  const writable = createWritable(pool);
  const adapter = new PrismaPg(pool, { statementNameGenerator: createStatementNames(preparedStatements) });
  let closing: Promise<void> | undefined;
  return {
    pool,
    adapter,
    writable,
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

/**
 * pg's options for a URL. Sessions run in UTC whatever the database's own time
 * zone: the adapter reads timestamps as if they were written in UTC.
 * @param defaults settings that those of the URL replace: `-c name=value`
 */
export function connection(url: Secret, defaults?: string): ClientConfig {
  // The error of `new URL` carries its input, password and all.
  if (!URL.canParse(url.reveal())) throw new TypeError('the database URL is not a URL');
  const parsed = new URL(url.reveal());
  // The URL's parameters win over the options beside it, so ours goes in there.
  const options = [defaults, parsed.searchParams.get('options'), '-c TimeZone=UTC'].filter(Boolean).join(' ');
  parsed.searchParams.set('options', options);
  return { connectionString: parsed.href };
}

/** What the log may have of a connection's error: the pool hangs the connection on it, password and all. */
function withoutClient(error: Error): { reason: string; code: string | undefined } {
  return { reason: error.message, code: (error as NodeJS.ErrnoException).code };
}
