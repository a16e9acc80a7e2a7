import { Code, ConnectError } from '@connectrpc/connect';
import { outward, reasonOf } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { endSpan } from '#kit/telemetry/spans.ts';
import type { Call } from './call.ts';

/** What is recorded of calls. */
export interface CallLog {
  /** Records the end of a call, once: with an error, unless it went well. */
  end(call: Call, error?: unknown): void;
  /** Records what a call's work threw after its end, where that is a fault of ours: no caller hears of it. */
  late(call: Call, error: unknown): void;
}

const ours = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Creates what writes the one line of a call that has ended, counts it, and ends its span. */
export function createCallLog(log: Log, metrics: ServiceMetrics): CallLog {
  return {
    end(call, error) {
      const ms = performance.now() - call.startedAt;
      const code = error === undefined ? 'ok' : snakeCase(Code[ConnectError.from(error).code]);
      metrics.call(call.method, code, ms / 1_000);
      if (call.span) endSpan(call.span, 'server', error);
      logCall(log, call, Math.round(ms), error);
    },
    late({ method, requestId, trace }, error) {
      if (!ours.has(outward(error).code)) return;
      metrics.strayError();
      log.error({ method, request_id: requestId, trace_id: trace.traceId, err: error }, 'failed after its call ended');
    },
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
