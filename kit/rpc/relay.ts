import { Code, ConnectError } from '@connectrpc/connect';
import type { Reason } from '#kit/errors/catalogue.ts';
import { failure, reasonOf, violationsOf } from '#kit/errors/failure.ts';

/** Headers of an error that are meant for whoever asked first. */
const carried = new Set(['www-authenticate', 'retry-after', 'set-cookie']);

const ofTransport: Partial<Record<Code, Reason>> = {
  [Code.Unavailable]: 'SERVICE_UNAVAILABLE',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.Canceled]: 'CANCELLED',
};

/**
 * An error of a service that we called, as one of our own: the same reason, its
 * fields, and of its headers those that are for the caller. What the transport
 * has to say (a service that cannot be reached) is told by its code alone. Where
 * it refused us, because the key that signed our own token was revoked a moment
 * ago, that is no fault of whoever asked.
 */
export function relay(error: unknown): ConnectError {
  const from = ConnectError.from(error);
  const reason = reasonOf(from);
  if (reason === undefined || reason === 'CALLER_NOT_ALLOWED') {
    const known = reason ? 'SERVICE_UNAVAILABLE' : (ofTransport[from.code] ?? 'INTERNAL');
    return failure(known, { cause: error, ...(known === 'SERVICE_UNAVAILABLE' ? { retryAfter: 1 } : {}) });
  }
  const headers = [...from.metadata].filter(([name]) => carried.has(name));
  return failure(reason, { fields: violationsOf(from), headers, cause: error });
}
