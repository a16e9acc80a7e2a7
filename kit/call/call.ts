import { AsyncLocalStorage } from 'node:async_hooks';
import { isIP } from 'node:net';
import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Span } from '@opentelemetry/api';
import { v7 as uuidv7 } from 'uuid';
import type { Identity } from '#kit/guard/policy.ts';
import { inSpan, placeOf, serverSpan } from '#kit/telemetry/spans.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { peerKey } from './peer.ts';
import { randomPart } from '#kit/telemetry/random-part.ts';
import { callersTrace, continueTrace, type Trace } from '#kit/telemetry/trace.ts';

/** What a call carries from its door to whatever it calls in turn. */
export interface Call {
  /** Full name of the method: `signet.auth.v1.AuthService/Login`. */
  readonly method: string;
  /** Names the request in logs, errors and audit, across services. */
  readonly requestId: string;
  readonly trace: Trace;
  /** Where the trace is recorded. */
  readonly span: Span | undefined;
  /** IP address of whoever asked, as seen at the door that they came by. */
  readonly address: string;
  /** What whoever asked says they use (User-Agent). */
  readonly agent: string;
  /** When it came in, by `performance.now()`. */
  readonly startedAt: number;
  /** When the caller stops waiting, ms since the epoch. */
  readonly deadline: number | undefined;
  /** The user's `Authorization` header, once the gate let it pass. */
  readonly authorization: string | null;
  /** Who is calling, as the guard verified it. */
  readonly identity: Identity;
  /** Aborted when the caller goes away or the deadline passes. */
  readonly signal: AbortSignal;
}

/** Context value under which a call's door keeps it. */
export const callKey = createContextKey<Call | undefined>(undefined, { description: 'call' });

/** How far a call has come: past the gate, and then, its message read, into the interceptors. */
export const stageKey = createContextKey<'begun' | 'admitted' | undefined>(undefined, { description: 'stage' });

const storage = new AsyncLocalStorage<Call>();

/** The call that the running code works for; undefined for work nobody asked for. */
export function currentCall(): Call | undefined {
  return storage.getStore();
}

/** The request id and trace id of the current call, for its log lines: they join the lines of all services. */
export function callIds(): object {
  const call = currentCall();
  return call ? { request_id: call.requestId, trace_id: call.trace.traceId } : {};
}

/** Runs a function on behalf of a call. */
export function runInCall<T>(call: Call, run: () => T): T {
  const { span } = call;
  return storage.run(call, span ? () => inSpan(span, run) : run);
}

/** Runs a function on behalf of nobody, whoever it is that needed it first. */
export function outsideCalls<T>(run: () => T): T {
  return storage.exit(run);
}

/** Iterates on behalf of a call: a generator otherwise runs in its puller's context. */
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

/** The id of a request: the one that came with it, if its form is ours, else a new one. */
export function requestIdFrom(given: unknown): string {
  return typeof given === 'string' && requestIdForm.test(given) ? given : uuidv7({ random: randomPart(16) });
}

/** Headers by which a caller could claim to be somebody. Only services among themselves may send them. */
const identityHeader = /^x-(signet|user|gateway)-/;

/** Drops headers that claim an identity: at a door, anyone may have sent them. */
export function dropForged(header: Headers): void {
  const forged = Array.from(header.keys()).filter((name) => identityHeader.test(name));
  for (const name of forged) header.delete(name);
}

/** Carry who is at the door to the services behind it. */
export const peerHeaders = { address: 'x-signet-peer', agent: 'x-signet-agent' } as const;

/**
 * Begins a call from what came in. Headers that claim an identity are dropped
 * where the call came by a door; a request id of another form than ours is replaced.
 * @param isService tells whether a service of the fleet calls, by its own token: only such a one is
 * believed who it is that asked it
 */
export async function beginCall(
  context: HandlerContext,
  isService: (context: HandlerContext) => Promise<boolean>,
): Promise<Call> {
  const header = context.requestHeader;
  const peer = context.values.get(peerKey);
  if (peer.via === 'door') dropForged(header);
  const claimed = header.get(peerHeaders.address);
  const believed = claimed !== null && isIP(claimed) && (await isService(context)) ? claimed : undefined;
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
    requestId,
    trace: span ? placeOf(span, parent?.state ?? null) : continueTrace(parent),
    span,
    address: believed ?? peer.address,
    agent: (believed === undefined ? null : header.get(peerHeaders.agent)) ?? header.get('user-agent') ?? '',
    startedAt: performance.now(),
    deadline: remaining === undefined ? undefined : Date.now() + remaining,
    authorization: null,
    identity: {},
    signal: context.signal,
  };
}
