import type { DescMethod, DescMethodStreaming, DescMethodUnary, DescService } from '@bufbuild/protobuf';
import type { ConnectError, HandlerContext, ServiceImpl, Transport } from '@connectrpc/connect';
import { cookieName, type CookieNames, readCookie } from '#kit/browser/cookies.ts';
import { accessOf } from '#kit/guard/access.ts';
import { CallHeaders } from '#kit/guard/call-headers.ts';
import type { Mounted } from '#kit/call/app.ts';
import { handlerOf } from '#kit/call/handler.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { translateUpstreamError } from '#kit/transport/upstream-error.ts';
import type { Calls } from '#kit/service/service.ts';

/** A service behind the edge and the transport to it. */
export interface Upstream {
  readonly desc: DescService;
  readonly transport: Transport;
}

/** Response headers that the edge passes on, in addition to the cookies that a method may set. */
const passedBack = new Set(['etag', 'cache-control', 'content-language', 'location', 'idempotent-replayed']);

/** The upstreams of an edge. */
export function upstreamsOf(calls: Calls, to: (service: string) => Transport): Upstream[] {
  return Object.entries(calls).flatMap(([called, exposed]) => {
    const transport = to(called);
    return exposed.map((desc) => ({ desc, transport }));
  });
}

/** Whether a method is exposed on the edge. */
export function isOnEdge(method: DescMethod): boolean {
  const rule = accessOf(method);
  return rule === 'public' || (!rule.internal && !rule.callers?.length);
}

/**
 * Implements a service by forwarding every exposed method. Each method's
 * definition (signet.policy.v1.edge) lists the headers and cookies that the service
 * receives, and the cookies that it may set.
 */
export function forward({ desc, transport }: Upstream, cookies: Pick<CookieNames, 'secure'>): Mounted {
  const impl: Record<string, unknown> = {};
  for (const method of desc.methods.filter(isOnEdge)) impl[method.localName] = forwarder(method, transport, cookies);
  return { desc, impl: impl as Partial<ServiceImpl<DescService>> };
}

function forwarder(method: DescMethod, transport: Transport, { secure }: Pick<CookieNames, 'secure'>) {
  const { headers, cookies, setCookies, timeoutMs } = edgeRuleOf(method);
  const given = cookies.map((name) => cookieName(name, secure));
  const settable = setCookies.map((name) => `${cookieName(name, secure)}=`);

  function headerFor({ requestHeader }: HandlerContext): Headers {
    const header = new CallHeaders();
    for (const name of headers) {
      const value = requestHeader.get(name);
      if (value !== null) header.set(name, value);
    }
    const pairs = given.flatMap((name) => {
      const value = readCookie(requestHeader, name);
      return value === undefined ? [] : [`${name}=${value}`];
    });
    if (pairs.length > 0) header.set('cookie', pairs.join('; '));
    return header;
  }
  function passBack(from: Headers, { responseHeader }: HandlerContext): void {
    for (const [name, value] of from) if (passedBack.has(name)) responseHeader.append(name, value);
    setCookiesOf(from, responseHeader);
  }
  /** Adds the cookies that the method may set. */
  function setCookiesOf(from: Headers, to: Headers): void {
    for (const cookie of from.getSetCookie()) {
      if (settable.some((start) => cookie.startsWith(start))) to.append('set-cookie', cookie);
    }
  }
  function refused(error: unknown): ConnectError {
    const failed = translateUpstreamError(error);
    const set = new Headers(failed.metadata);
    failed.metadata.delete('set-cookie');
    setCookiesOf(set, failed.metadata);
    return failed;
  }

  return handlerOf(method, {
    async unary(request, context) {
      try {
        const answer = await transport.unary(
          method as DescMethodUnary,
          undefined,
          timeoutMs,
          headerFor(context),
          request,
        );
        passBack(answer.header, context);
        return answer.message;
      } catch (error) {
        throw refused(error);
      }
    },
    async *stream(requests, context) {
      try {
        const streaming = method as DescMethodStreaming;
        const answer = await transport.stream(streaming, context.signal, undefined, headerFor(context), requests);
        passBack(answer.header, context);
        yield* answer.message;
      } catch (error) {
        throw refused(error);
      }
    },
  });
}
