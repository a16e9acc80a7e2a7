import type { DescMethod, DescMethodStreaming, DescMethodUnary, DescService, Message } from '@bufbuild/protobuf';
import { type HandlerContext, type ServiceImpl, type Transport } from '@connectrpc/connect';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import { accessOf } from '#kit/guard/access.ts';
import type { Mounted } from '#kit/rpc/app.ts';
import { translateUpstreamError } from '#kit/rpc/upstream-error.ts';
import type { Calls } from '#kit/service/service.ts';

/** A service behind the edge and the way to it. */
export interface Upstream {
  readonly desc: DescService;
  readonly transport: Transport;
}

/** Request headers that services behind the edge are given, besides those that travel by themselves. */
const passedOn = ['accept-language', 'idempotency-key', 'x-csrf-token'];

/** Response headers of theirs that callers are given. */
const passedBack = new Set(['set-cookie', 'etag', 'cache-control', 'content-language', 'location']);

/** Longest time that the edge waits for a service, ms; a caller with a shorter deadline waits no longer than that. */
const longestCall = 15_000;

/** What an edge calls, as services behind it. */
export function upstreamsOf(calls: Calls, to: (service: string) => Transport): Upstream[] {
  return Object.entries(calls).flatMap(([called, exposed]) => {
    const transport = to(called);
    return exposed.map((desc) => ({ desc, transport }));
  });
}

/** Tells whether outsiders may reach a method at all. */
export function isOnEdge(method: DescMethod): boolean {
  const rule = accessOf(method);
  return rule === 'public' || (!rule.internal && !rule.callers?.length);
}

/**
 * A service as the edge has it: every method that is not internal, passed on as it is.
 * @param cookies the part of a request's cookies that the service may see
 */
export function forward({ desc, transport }: Upstream, cookies: (header: Headers) => string | null): Mounted {
  const impl: Record<string, unknown> = {};
  for (const method of desc.methods.filter(isOnEdge)) impl[method.localName] = forwarder(method, transport, cookies);
  return { desc, impl: impl as Partial<ServiceImpl<DescService>> };
}

function forwarder(method: DescMethod, transport: Transport, cookies: (header: Headers) => string | null) {
  const headerFor = ({ requestHeader }: HandlerContext): Headers => {
    const header = new Headers();
    for (const name of passedOn) {
      const value = requestHeader.get(name);
      if (value !== null) header.set(name, value);
    }
    const cookie = cookies(requestHeader);
    if (cookie !== null) header.set('cookie', cookie);
    return header;
  };

  if (method.methodKind === 'unary') {
    const unary = method as DescMethodUnary;
    return async (request: Message, context: HandlerContext): Promise<Message> => {
      try {
        const answer = await transport.unary(unary, undefined, longestCall, headerFor(context), request);
        passBack(answer.header, context);
        return answer.message;
      } catch (error) {
        throw translateUpstreamError(error);
      }
    };
  }
  const streaming = method as DescMethodStreaming;
  const stream = async function* (requests: AsyncIterable<Message>, context: HandlerContext) {
    try {
      const answer = await transport.stream(streaming, context.signal, undefined, headerFor(context), requests);
      passBack(answer.header, context);
      yield* answer.message;
    } catch (error) {
      throw translateUpstreamError(error);
    }
  };
  if (method.methodKind === 'server_streaming') {
    return (request: Message, context: HandlerContext) => stream(createAsyncIterable([request]), context);
  }
  if (method.methodKind === 'bidi_streaming') return stream;
  return async (requests: AsyncIterable<Message>, context: HandlerContext): Promise<Message> => {
    let last: Message | undefined;
    for await (const message of stream(requests, context)) last = message;
    if (!last) throw translateUpstreamError(new Error('the service answered nothing'));
    return last;
  };
}

function passBack(from: Headers, { responseHeader }: HandlerContext): void {
  for (const [name, value] of from) if (passedBack.has(name)) responseHeader.append(name, value);
}
