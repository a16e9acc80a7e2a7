import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { endSpan } from '#kit/telemetry/spans.ts';
import type { Call } from './call.ts';

/** Tells of a call that has ended, once: with an error, unless it went well. */
export type EndCall = (call: Call, error?: unknown) => void;

const ours = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Makes what writes the one line of a call that has ended, counts it, and ends its span. */
export function createCallEnd(log: Log, metrics: ServiceMetrics): EndCall {
  return (call, error) => {
    const ms = performance.now() - call.startedAt;
    const code = error === undefined ? 'ok' : snakeCase(Code[ConnectError.from(error).code]);
    metrics.call(call.method, code, ms / 1_000);
    if (call.span) endSpan(call.span, 'server', error);
    logCall(log, call, Math.round(ms), error);
  };
}

/**
 * What is our own fault is an error, what we depend on and is away a warning; only
 * then does the line say more than the reason.
 */
function logCall(log: Log, call: Call, ms: number, error: unknown): void {
  const { method, requestId: request_id, trace } = call;
  const line = { method, request_id, trace_id: trace.traceId, ms };
  if (error === undefined) return log.info({ ...line, code: 'ok' }, 'call');
  const known = ConnectError.from(error);
  const outcome = { ...line, code: Code[known.code], reason: reasonOf(known) };
  if (ours.has(known.code)) log.error({ ...outcome, err: known.cause ?? error }, 'call');
  else if (known.code === Code.Unavailable) log.warn({ ...outcome, err: known.cause }, 'call');
  else log.info(outcome, 'call');
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}
