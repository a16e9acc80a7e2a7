import type { DescMethod } from '@bufbuild/protobuf';
import type { StreamResponse, UnaryResponse } from '@connectrpc/connect';
import type { Span } from '@opentelemetry/api';
import { clientSpan, endSpan, placeOf } from '#kit/telemetry/spans.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { currentCall, peerHeaders } from './call.ts';
import { propagateTrace } from '#kit/telemetry/trace.ts';
import { streamUntilOver } from './until-over.ts';

/** What every call to another service carries, whatever the transport. */
export interface Outgoing {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds until the caller stops waiting. */
  readonly timeoutMs: number;
  readonly header: Headers;
  /** Where the trace is recorded. */
  readonly span?: Span | undefined;
}

/** How a client behaves where its caller says nothing. */
export interface ClientOptions {
  /** Longest wait for an answer, ms; 5,000 unless told. A call under way with less time left gives that. */
  readonly defaultTimeoutMs?: number;
}

/**
 * Adds to a call what belongs to the call under way: the user's token, the
 * request id, the trace, the deadline and the cancellation.
 */
export async function outgoing(
  method: DescMethod,
  given: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined; header?: HeadersInit | undefined },
  options: ClientOptions,
): Promise<Outgoing> {
  const call = currentCall();
  const header = new Headers(given.header);
  const timeoutMs = given.timeoutMs ?? options.defaultTimeoutMs ?? 5_000;
  if (!call) return { signal: given.signal, timeoutMs, header };
  if (call.authorization !== null && !header.has('authorization')) header.set('authorization', call.authorization);
  header.set('x-request-id', call.requestId);
  if (call.address !== '') header.set(peerHeaders.address, call.address);
  if (call.agent !== '') header.set(peerHeaders.agent, call.agent);
  const span = call.span && clientSpan(nameOf(method));
  propagateTrace(span ? placeOf(span, call.trace.state) : call.trace, header);
  return {
    span,
    signal: given.signal ? AbortSignal.any([given.signal, call.signal]) : call.signal,
    timeoutMs: call.deadline === undefined ? timeoutMs : Math.max(0, Math.min(timeoutMs, call.deadline - Date.now())),
    header,
  };
}

/** Makes a call and ends its span with the answer: that of a stream with the last message, or when its reader stops. */
export async function answered<T extends UnaryResponse | StreamResponse>(
  { span, signal = new AbortController().signal }: Outgoing,
  call: () => Promise<T>,
): Promise<T> {
  if (!span) return call();
  try {
    const answer = await call();
    if (answer.stream) {
      return { ...answer, message: streamUntilOver(answer.message, signal, (error) => endSpan(span, 'client', error)) };
    }
    endSpan(span, 'client');
    return answer;
  } catch (error) {
    endSpan(span, 'client', error);
    throw error;
  }
}

/** The part of a call's limits that Connect's `runUnaryCall` and `runStreamingCall` take. */
export function limitsOf({ signal, timeoutMs }: Outgoing) {
  return { ...(signal ? { signal } : {}), ...(Number.isFinite(timeoutMs) ? { timeoutMs } : {}) };
}
