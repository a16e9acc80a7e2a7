import { Code, ConnectError } from '@connectrpc/connect';
import { adapterReport, field, sqlStateOf } from './sql-state.ts';

/** Error names of Prisma's adapter, pg and Node for an unavailable database or connection. */
const names = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // The host's name cannot be resolved, for ever or now.
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  // Prisma: no free connection for a transaction, or the transaction timed out.
  'P2028',
  // Prisma: a serialization failure or a deadlock.
  'P2034',
  // Prisma: too many connections.
  'P2037',
]);

/**
 * SQLSTATEs of a server that temporarily cannot execute a valid statement. Classes: 08 connection exception, 53
 * insufficient resources (disk, memory, connections), 57 operator intervention (shutdown, timeout, recovery).
 */
const states = new RegExp(
  `^(${[
    '08...',
    '53...',
    '57...',
    // Read-only: a standby, or a primary that was demoted.
    '25006',
    // Transaction idle, or open, for too long.
    '25P03',
    '25P04',
    // Access revoked since the start.
    '28000',
    '28P01',
    '3D000',
    // Serialization failure and deadlock: the statement may succeed on retry.
    '40001',
    '40P01',
    // Lock not available: another transaction held the row for too long.
    '55P03',
    // I/O error.
    '58030',
  ].join('|')})$`,
);

/** Errors of pg without a code. */
const messages =
  /^(Connection terminated|The transaction took longer than|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;

/** Returns whether an error means that the database is temporarily unavailable, rather than that the statement failed. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const kind = field(adapterReport(error), 'kind');
  return (
    [kind, field(error, 'code')].some((name) => names.has(String(name))) ||
    states.test(sqlStateOf(error) ?? '') ||
    messages.test(error.message)
  );
}

/** An error whose message says all that is to be known: another component, or a file of the operator, cannot be used. */
export class AwayError extends Error {
  override readonly name: string = 'AwayError';
}

/** Error names of timeouts, and of the NATS client without a connection. */
const outages = new Set([
  'TimeoutError',
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'NoRespondersError',
]);

/**
 * Returns whether an error, or what caused it, means that another component is unavailable. Such an error is no fault of
 * the code: where it occurred does not matter.
 */
export function isOutage(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    if (isOutageItself(at)) return true;
  }
  return false;
}

function isOutageItself(error: Error): boolean {
  if (error instanceof ConnectError) return error.code === Code.Unavailable || error.code === Code.DeadlineExceeded;
  return error instanceof AwayError || outages.has(error.name) || isDatabaseAway(error);
}
