import type { DescMethod } from '@bufbuild/protobuf';
import { createContextValues, type ContextValues, type HandlerContext } from '@connectrpc/connect';
import { failure } from '#kit/errors/failure.ts';
import { CallHeaders } from '#kit/guard/call-headers.ts';

/** The context of a call that a transport opens, and ends by `abort`. */
export interface OpenContext extends HandlerContext {
  /** Ends the call: aborts its signal and stops its timer. Idempotent. */
  abort(reason: unknown): void;
}

/** Longest delay of a Node timer, ms. A longer one would fire at once. */
const longestTimer = 2 ** 31 - 1;

/**
 * Opens the context of a call, with one AbortController (Connect's has two).
 * @param init.timeoutMs time until the deadline, ms. Without it there is none
 * @param init.parents signals that end the call when they abort
 * @throws TypeError on an invalid header
 */
export function openContext(init: {
  readonly method: DescMethod;
  readonly protocolName: string;
  readonly requestMethod: string;
  readonly url: string;
  readonly requestHeader: HeadersInit;
  readonly values?: ContextValues;
  readonly timeoutMs?: number | undefined;
  readonly parents?: readonly AbortSignal[];
}): OpenContext {
  const { method, protocolName, requestMethod, url, timeoutMs, parents = [], values = createContextValues() } = init;
  const requestHeader =
    init.requestHeader instanceof CallHeaders ? init.requestHeader : new CallHeaders(init.requestHeader);
  const controller = new AbortController();
  const deadline = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  const isLate = timeoutMs !== undefined && timeoutMs <= 0;
  const expire = () => abort(failure('DEADLINE_EXCEEDED'));
  const timer = timeoutMs === undefined || isLate ? undefined : setTimeout(expire, Math.min(timeoutMs, longestTimer));

  function abort(reason: unknown): void {
    clearTimeout(timer);
    for (const parent of parents) parent.removeEventListener('abort', follow);
    controller.abort(reason);
  }
  function follow(event: Event): void {
    abort((event.target as AbortSignal).reason);
  }
  const context: OpenContext = {
    service: method.parent,
    method,
    protocolName,
    requestMethod,
    url,
    signal: controller.signal,
    timeoutMs: () => (deadline === undefined ? undefined : deadline - Date.now()),
    requestHeader,
    responseHeader: new CallHeaders(),
    responseTrailer: new CallHeaders(),
    values,
    abort,
  };
  if (isLate) expire();
  for (const parent of parents) {
    if (parent.aborted) abort(parent.reason);
    else parent.addEventListener('abort', follow, { once: true });
  }
  return context;
}
