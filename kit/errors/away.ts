import { adapterReport, field, sqlStateOf } from './sql-state.ts';

/** How Prisma's adapter, pg and Node name a database, or a connection to it, that is not there. */
const names = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  // Prisma's: no connection came free for a transaction, or it took too long.
  'P2028',
  // Prisma's: a serialization failure or a deadlock.
  'P2034',
  // Prisma's: too many connections.
  'P2037',
]);

/**
 * SQLSTATEs of a server that answers and cannot do the work now, though nothing is wrong with the statement. Classes:
 * 08 connection, 53 out of disk, memory or connections, 57 operator's intervention (shutdown, timeout, recovery).
 */
const states = new RegExp(
  `^(${[
    '08...',
    '53...',
    '57...',
    // Read-only: a standby, or a primary that was demoted.
    '25006',
    // A transaction that was idle, or open, for too long.
    '25P03',
    '25P04',
    // Access that was lost since the start.
    '28000',
    '28P01',
    '3D000',
    // Serialization failure and deadlock: the statement may work when it is tried again.
    '40001',
    '40P01',
    // A row that another transaction held for too long.
    '55P03',
    // The disk.
    '58030',
  ].join('|')})$`,
);

/** pg has no code for these. */
const messages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;

/** Whether an error says that the database cannot work now, rather than that the statement was wrong. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const kind = field(adapterReport(error), 'kind');
  return (
    [kind, field(error, 'code')].some((name) => names.has(String(name))) ||
    states.test(sqlStateOf(error) ?? '') ||
    messages.test(error.message)
  );
}
