import { AsyncLocalStorage } from 'node:async_hooks';
import { isIP } from 'node:net';
import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Span } from '@opentelemetry/api';
import { v7 as uuidv7 } from 'uuid';
import type { Identity } from '#kit/guard/policy.ts';
import { inSpan, placeOf, serverSpan } from '#kit/telemetry/spans.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { type Peer, peerKey } from './peer.ts';
import { randomPart } from '#kit/telemetry/random-part.ts';
import { callersTrace, continueTrace, type Trace } from '#kit/telemetry/trace.ts';

/** The context of a call, which its outgoing calls inherit. */
export interface Call {
  /** Full name of the method: `signet.auth.v1.AuthService/Login`. */
  readonly method: string;
  /** Where it came in: `rest`, `connect`, `grpc`, `grpc-web`; and whether at a public port. */
  readonly protocol: string;
  readonly peer: Peer;
  /** Id of the request in logs, errors and audit, across services. */
  readonly requestId: string;
  readonly trace: Trace;
  /** Span of the call. undefined if the trace is not recorded. */
  readonly span: Span | undefined;
  /** IP address of the client, as seen at the public port. */
  readonly address: string;
  /** The client's User-Agent. */
  readonly agent: string;
  /** Start of the call, by `performance.now()`. */
  readonly startedAt: number;
  /** Deadline, ms since 1970. */
  readonly deadline: number | undefined;
  /** The user's `Authorization` header, set once the gate has admitted the call. */
  readonly authorization: string | null;
  /** The identity that the guard verified. */
  readonly identity: Identity;
  /** Aborted when the client disconnects or the deadline passes. */
  readonly signal: AbortSignal;
}

/** Context key of the call, which the transport sets. */
export const callKey = createContextKey<Call | undefined>(undefined, { description: 'call' });

/** Context key of the call's stage: `admitted` by the gate, then `begun` once its message is read and its handler may run. */
export const stageKey = createContextKey<'begun' | 'admitted' | undefined>(undefined, { description: 'stage' });

const storage = new AsyncLocalStorage<Call>();

/** Returns the call of the running code; undefined outside of calls. */
export function currentCall(): Call | undefined {
  return storage.getStore();
}

/** Returns the request id and trace id of the current call, which connect the log lines of all services. */
export function callIds(): object {
  const call = currentCall();
  return call ? { request_id: call.requestId, trace_id: call.trace.traceId } : {};
}

/** Runs a function in the context of a call. */
export function runInCall<T>(call: Call, run: () => T): T {
  const { span } = call;
  return storage.run(call, span ? () => inSpan(span, run) : run);
}

/** Runs a function outside any call context (no identity, deadline or cancellation). */
export function outsideCalls<T>(run: () => T): T {
  return storage.exit(run);
}

/** Iterates in the context of a call. A generator otherwise runs in its consumer's context. */
export function iterateInCall<T>(call: Call, source: AsyncIterable<T>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = runInCall(call, () => source[Symbol.asyncIterator]());
      const forward = (step: 'return' | 'throw') => (value?: unknown) =>
        runInCall(call, () => iterator[step]?.(value) ?? Promise.resolve({ done: true as const, value: undefined }));
      return { next: () => runInCall(call, () => iterator.next()), return: forward('return'), throw: forward('throw') };
    },
  };
}

const requestIdForm = /^[A-Za-z0-9._-]{1,64}$/;

/** Returns the given request id if it is well-formed, otherwise a new one. */
export function requestIdFrom(given: unknown): string {
  return typeof given === 'string' && requestIdForm.test(given) ? given : uuidv7({ random: randomPart(16) });
}

/** Headers that claim an identity. Only services may send them to each other. */
const identityHeader = /^x-(signet|user|gateway)-/;

/** Removes headers that claim an identity, because on a public port any client may send them. */
export function dropForged(header: Headers): void {
  const forged = Array.from(header.keys()).filter((name) => identityHeader.test(name));
  for (const name of forged) header.delete(name);
}

/** Headers that forward the client's address and User-Agent between services. */
export const peerHeaders = { address: 'x-signet-peer', agent: 'x-signet-agent' } as const;

/**
 * Creates the call of an incoming request. On a public port it removes headers that
 * claim an identity; a malformed request id is replaced.
 * @param isService returns whether the caller is a service of the fleet, by its token. Only then is the forwarded
 * client address trusted
 */
export async function beginCall(
  context: HandlerContext,
  isService: (context: HandlerContext) => Promise<boolean>,
): Promise<Call> {
  const header = context.requestHeader;
  const peer = context.values.get(peerKey);
  if (peer.via === 'door') dropForged(header);
  const claimed = header.get(peerHeaders.address);
  const forwarded = claimed !== null && isIP(claimed) && (await isService(context)) ? claimed : undefined;
  const remaining = context.timeoutMs();
  const method = nameOf(context.method);
  const requestId = peer.requestId ?? requestIdFrom(header.get('x-request-id'));
  const parent = callersTrace(header);
  const span = serverSpan(method, parent, {
    'signet.protocol': context.protocolName,
    'signet.request_id': requestId,
  });
  return {
    method,
    protocol: context.protocolName,
    peer,
    requestId,
    trace: span ? placeOf(span, parent?.state ?? null) : continueTrace(parent),
    span,
    address: forwarded ?? peer.address,
    agent: (forwarded === undefined ? null : header.get(peerHeaders.agent)) ?? header.get('user-agent') ?? '',
    startedAt: performance.now(),
    deadline: remaining === undefined ? undefined : Date.now() + remaining,
    authorization: null,
    identity: {},
    signal: context.signal,
  };
}
