import { PrismaPg } from '@prisma/adapter-pg';
import { Client, type ClientConfig, Pool } from 'pg';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { noMetrics, type ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { createDatabaseClock, type DatabaseClock } from './clock.ts';
import type { Transactional } from '#kit/store/statements.ts';
import { createStatements } from './statements.ts';
import { pinSession } from './session.ts';
import { createStatementNames } from './statement-names.ts';
import { createWritable } from './writable.ts';

/** Options of a database pool. */
export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: Secret;
  /**
   * Whether other callers may get the session of a connection between two transactions (a pooler in transaction mode).
   * Its settings are then those of the role. Default: no.
   */
  readonly shared?: boolean;
  /** Whether hot statements are named and prepared once per connection. Default: yes. */
  readonly prepared?: boolean;
  /** Maximum number of connections. Default 10. */
  readonly max?: number;
  /** Timeout of a statement, ms. Default 30,000. */
  readonly statementTimeout?: number;
  /** `application_name` of the connections (pg_stat_activity). */
  readonly applicationName: string;
  readonly log: Log;
  /** Metrics of the connections. Default: none. */
  readonly metrics?: ServiceMetrics;
}

/** A connection pool and its Prisma adapter. */
export interface Database {
  readonly pool: Pool;
  /** Runs statements without Prisma's client. */
  readonly statements: Transactional;
  /** For `new PrismaClient({ adapter })` in tests. */
  readonly adapter: PrismaPg;
  /** For `new PrismaClient(database.prisma)`. */
  readonly prisma: { readonly adapter: PrismaPg; readonly transactionOptions: { maxWait: number; timeout: number } };
  /** Returns whether the database responds and accepts writes. Cheap: the result is cached for a second. */
  readonly writable: () => Promise<boolean>;
  /** Its time, for what is compared with times that statements write. */
  readonly clock: DatabaseClock;
  /** Waits for running statements and closes all connections. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Timeout of getting a connection, ms: an unavailable database must fail a request, not block it. */
const connectTimeout = 5_000;
/** Extra client-side timeout after statement_timeout, ms; past it the connection counts as dead. */
const answerGrace = 1_000;
/** Timeout of waiting for a lock, ms: a waiting statement occupies a connection of the pool. */
const lockTimeout = 3_000;
/** Timeout of an idle transaction, which holds its locks, ms. */
const idleInTransactionTimeout = 30_000;
/** Maximum lifetime of a connection, s. A new connection picks up changed settings of the database. */
const connectionLife = 600;
/** Maximum number of prepared statements per connection. */
const preparedStatements = 500;

/**
 * Of Prisma's transactions, ms: a transaction waits for a connection as long as a statement does, because a small pool
 * is shared by many callers.
 */
const transactionOptions = { maxWait: connectTimeout, timeout: 10_000 } as const;

/** Opens a pool. It connects on first use. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, max = 10, applicationName, log, metrics = noMetrics, statementTimeout = 30_000 } = options;
  const { shared = false, prepared = true } = options;
  const limits = {
    lock_timeout: lockTimeout,
    statement_timeout: statementTimeout,
    idle_in_transaction_session_timeout: idleInTransactionTimeout,
  };
  const pool = new Pool({
    ...connection(url),
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeout,
    query_timeout: statementTimeout + answerGrace,
    keepAlive: true,
    maxLifetimeSeconds: connectionLife,
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool awaits it, which its types leave out
    ...(shared ? {} : { onConnect: (client) => pinSession(client, url, limits) }),
  });
  // A broken idle connection emits 'error', which without a listener would end the
  // process. The pool has removed the connection already.
  pool.on('error', (error) => log.warn(withoutClient(error), 'lost a database connection'));
  // The same for a connection that breaks between the statements of a transaction.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.debug(withoutClient(error), 'lost a database connection in use')),
  );
  metrics.watch('signet_database_connections', () => pool.totalCount);
  metrics.watch('signet_database_connections_idle', () => pool.idleCount);
  metrics.watch('signet_database_waiting', () => pool.waitingCount);
  const writable = createWritable(pool);
  const statementNameGenerator = createStatementNames(prepared ? preparedStatements : 0);
  const adapter = new PrismaPg(pool, { statementNameGenerator });
  let closing: Promise<void> | undefined;
  return {
    pool,
    statements: createStatements(pool, statementNameGenerator),
    adapter,
    prisma: { adapter, transactionOptions },
    writable,
    clock: createDatabaseClock(pool),
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

/**
 * Returns pg's options for a URL. Pin the session of each new connection (session.ts) before statements that rely on its
 * settings. TLS, once required, includes the verification of the server's certificate and name, except with
 * `sslmode=no-verify`.
 */
export function connection(url: Secret): ClientConfig {
  // The error of `new URL` would contain the URL and its password.
  if (!URL.canParse(url.reveal())) throw new TypeError('the database URL is not a URL');
  const parsed = new URL(url.reveal());
  // pg treats these as verify-full, with a warning at each start that they will not be.
  const { searchParams } = parsed;
  if (/^(prefer|require|verify-ca)$/.test(searchParams.get('sslmode') ?? '') && !searchParams.has('uselibpqcompat')) {
    searchParams.set('sslmode', 'verify-full');
  }
  return { connectionString: parsed.href };
}

/**
 * Opens a single connection, which the caller ends.
 * @param options.pin sets the required settings; by default. Not for a session that other callers may get
 */
export async function connectTo(
  url: Secret,
  { pin = true, ...config }: Omit<ClientConfig, 'connectionString'> & { readonly pin?: boolean } = {},
): Promise<Client> {
  const client = new Client({ ...connection(url), connectionTimeoutMillis: 10_000, ...config });
  // A broken connection also fails the query in progress, so the event can be ignored.
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (pin) await pinSession(client, url);
  } catch (error) {
    // Not awaited: an unresponsive server would delay the error. Without it, the server waits for a password for a minute.
    client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Returns the loggable part of a connection's error. The pool attaches the connection, including its password. */
function withoutClient(error: Error): { reason: string; code: string | undefined } {
  return { reason: error.message, code: (error as NodeJS.ErrnoException).code };
}
