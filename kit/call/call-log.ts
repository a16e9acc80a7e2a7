import { Code, ConnectError } from '@connectrpc/connect';
import { httpStatusOf } from '#kit/errors/error-info.ts';
import { outward, reasonOf } from '#kit/errors/failure.ts';
import type { Log } from '#kit/log/log.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { endSpan } from '#kit/telemetry/spans.ts';
import type { Call } from './call.ts';

/** Records the end of calls: log, metrics and traces. */
export interface CallLog {
  /** Records the end of a call, once, with its error if it failed. */
  end(call: Call, error?: unknown): void;
  /** Records an internal error that a handler throws after its call has ended, which no client receives. */
  late(call: Call, error: unknown): void;
}

const internal = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/**
 * Creates the call log. It writes one line per call, counts the call and ends its span. A call between services is logged at
 * level debug, unless the service fails: its line at the public port has the same request id.
 */
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
      if (!internal.has(outward(error).code)) return;
      metrics.strayError();
      log.error({ method, request_id: requestId, trace_id: trace.traceId, err: error }, 'error after the call ended');
    },
  };
}

/** Internal errors are logged as errors, unavailable dependencies as warnings; only these lines include the cause. */
function logCall(log: Log, call: Call, ms: number, error: unknown): void {
  const { method, protocol, peer, identity, requestId: request_id, trace } = call;
  const { route, status = 200 } = peer.rest ?? {};
  const line = {
    method,
    ...(route === undefined ? {} : { route }),
    protocol,
    user: identity.user?.subject,
    caller: identity.caller?.service,
    request_id,
    trace_id: trace.traceId,
    ms,
  };
  const level = peer.via === 'door' ? 'info' : 'debug';
  if (error === undefined) return log[level]({ ...line, status, code: 'ok' }, 'call');
  const known = ConnectError.from(error);
  const outcome = { ...line, status: httpStatusOf(known), code: Code[known.code], reason: reasonOf(known) };
  if (internal.has(known.code)) log.error({ ...outcome, err: known.cause ?? error }, 'call');
  else if (known.code === Code.Unavailable) log.warn({ ...outcome, err: known.cause }, 'call');
  else log[level](outcome, 'call');
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}
