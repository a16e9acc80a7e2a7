import type { DescMethod } from '@bufbuild/protobuf';
import type { StreamResponse, UnaryResponse } from '@connectrpc/connect';
import type { Span } from '@opentelemetry/api';
import { clientSpan, endSpan, placeOf } from '#kit/telemetry/spans.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import { currentCall, peerHeaders } from './call.ts';
import { propagateTrace } from '#kit/telemetry/trace.ts';
import { streamUntilAborted } from './until-aborted.ts';

/** Context of an outgoing call, for every transport. */
export interface Outgoing {
  readonly signal: AbortSignal | undefined;
  /** Time left until the deadline, in milliseconds. */
  readonly timeoutMs: number;
  readonly header: Headers;
  /** Span of the outgoing call. */
  readonly span?: Span | undefined;
}

/** Defaults of a client. */
export interface ClientOptions {
  /** Default timeout, ms; 5,000 if unset. The deadline of the current call applies too. */
  readonly defaultTimeoutMs?: number;
}

/**
 * Returns the context of an outgoing call, inherited from the current call: the
 * user's token, request id, trace, deadline and cancellation.
 */
export async function outgoing(
  method: DescMethod,
  given: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined; header?: HeadersInit | undefined },
  options: ClientOptions,
): Promise<Outgoing> {
  const call = currentCall();
  const header = new CallHeaders(given.header);
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

/** Makes a call and ends its span with the response; that of a stream with the last message, or when its reader stops. */
export async function traced<T extends UnaryResponse | StreamResponse>(
  { span, signal }: Outgoing,
  call: () => Promise<T>,
): Promise<T> {
  if (!span) return call();
  try {
    const answer = await call();
    if (answer.stream) {
      return {
        ...answer,
        message: streamUntilAborted(answer.message, signal ?? new AbortController().signal, (error) =>
          endSpan(span, 'client', error),
        ),
      };
    }
    endSpan(span, 'client');
    return answer;
  } catch (error) {
    endSpan(span, 'client', error);
    throw error;
  }
}
