import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import type { Call } from './call.ts';

const ours = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/**
 * Writes the one line of a call that has ended. What is our own fault is an error,
 * what we depend on and is away a warning; only then does the line say more than
 * the reason.
 */
export function logCall(log: Log, call: Call, error?: unknown): void {
  const line = {
    method: call.method,
    request_id: call.requestId,
    trace_id: call.trace.traceId,
    ms: Date.now() - call.startedAt,
  };
  if (error === undefined) return log.info({ ...line, code: 'ok' }, 'call');
  const known = ConnectError.from(error);
  const outcome = { ...line, code: Code[known.code], reason: reasonOf(known) };
  if (ours.has(known.code)) log.error({ ...outcome, err: known.cause ?? error }, 'call');
  else if (known.code === Code.Unavailable) log.warn({ ...outcome, err: known.cause }, 'call');
  else log.info(outcome, 'call');
}
