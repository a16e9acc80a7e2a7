import { currentCall, peerHeaders } from './call.ts';
import { propagateTrace } from './trace.ts';

/** What every call to another service carries, whatever the transport. */
export interface Outgoing {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds until the caller stops waiting. */
  readonly timeoutMs: number;
  readonly header: Headers;
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
  propagateTrace(call.trace, header);
  return {
    signal: given.signal ? AbortSignal.any([given.signal, call.signal]) : call.signal,
    timeoutMs: call.deadline === undefined ? timeoutMs : Math.max(0, Math.min(timeoutMs, call.deadline - Date.now())),
    header,
  };
}

/** The part of a call's limits that Connect's `runUnaryCall` and `runStreamingCall` take. */
export function limitsOf({ signal, timeoutMs }: Outgoing) {
  return { ...(signal ? { signal } : {}), ...(Number.isFinite(timeoutMs) ? { timeoutMs } : {}) };
}
