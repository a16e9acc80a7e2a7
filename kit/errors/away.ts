import { field, sqlStateOf } from './sql-state.ts';

/** How Prisma's adapter, pg and Node name a database, or a connection to it, that is not there. */
const names = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  '53300',
  // A row that somebody held for too long.
  '55P03',
  '57P01',
  '57P02',
  '57P03',
  // Prisma's: no connection came free for a transaction, or it took too long.
  'P2028',
]);

/** pg has no code for these. */
const messages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;

/** Tells whether an error says that the database is away or too busy, rather than that we asked it something wrong. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Where Prisma's client puts what the adapter reported; found in no documentation.
  const kind = field(field(field(field(error, 'meta'), 'driverAdapterError'), 'cause'), 'kind');
  return (
    [kind, field(error, 'code'), sqlStateOf(error)].some((name) => names.has(String(name))) ||
    messages.test(error.message)
  );
}
