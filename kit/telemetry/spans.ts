import { type Attributes, context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Trace } from './trace.ts';

/** Does nothing, and costs next to nothing, until `startTracing` has run. */
const tracer = trace.getTracer('signet');

/** Codes by which a server says that it is at fault, and not its caller (OpenTelemetry's conventions for RPC). */
const faults = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Begins the span of a call that came in; undefined where its trace is not recorded. */
export function serverSpan(method: string, parent: Trace | undefined, attributes: Attributes): Span | undefined {
  const from = parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT;
  return recorded(
    tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: { 'rpc.method': method, ...attributes } }, from),
  );
}

/** Begins the span of a call that goes out on behalf of the one under way; undefined where that is not recorded. */
export function clientSpan(method: string): Span | undefined {
  return recorded(tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes: { 'rpc.method': method } }));
}

/** Runs a function within a span: spans that it begins stand below it. */
export function inSpan<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(ROOT_CONTEXT, span), run);
}

/** Ends the span of a call, by the error that the call ended with, if any. A client's span tells any error as one. */
export function endSpan(span: Span, side: 'server' | 'client', error?: unknown): void {
  if (error === undefined) {
    span.setAttribute('rpc.response.status_code', 'OK');
    return span.end();
  }
  const { code } = ConnectError.from(error);
  const name = Code[code];
  span.setAttributes({ 'rpc.response.status_code': name, 'error.type': reasonOf(error) ?? name });
  if (side === 'client' || faults.has(code)) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Where in its trace a span stands. */
export function placeOf(span: Span, state: string | null): Trace {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, flags: traceFlags.toString(16).padStart(2, '0'), state };
}

function contextOf({ traceId, spanId, flags }: Trace) {
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

function recorded(span: Span): Span | undefined {
  return span.isRecording() ? span : undefined;
}
