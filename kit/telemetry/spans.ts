import { type Attributes, context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '#kit/errors/failure.ts';
import type { Trace } from './trace.ts';

/** A no-op until `startTracing` has run. */
const tracer = trace.getTracer('signet');

/** Codes that are errors of the server (OpenTelemetry's semantic conventions for RPC). */
const faults = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Starts the span of an incoming call; undefined if its trace is not recorded. */
export function serverSpan(method: string, parent: Trace | undefined, attributes: Attributes): Span | undefined {
  const from = parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT;
  return recorded(
    tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: { 'rpc.method': method, ...attributes } }, from),
  );
}

/** Starts the span of an outgoing call within the current call; undefined if the trace is not recorded. */
export function clientSpan(method: string): Span | undefined {
  return recorded(tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes: { 'rpc.method': method } }));
}

/** Runs a database statement in a new span, if the running code has a recorded span. */
export async function inStatementSpan<T>(text: string, run: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()?.isRecording()) return run();
  const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text };
  const span = tracer.startSpan('postgresql', { kind: SpanKind.CLIENT, attributes });
  try {
    return await run();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Runs a function within a span, which becomes the parent of new spans. */
export function inSpan<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(ROOT_CONTEXT, span), run);
}

/** Ends the span of a call, with the call's error if it failed. For a client span every error sets the status ERROR. */
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

/** Returns the trace position of a span. */
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
