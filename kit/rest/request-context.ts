import { type ContextValues, createContextValues, createHandlerContext } from '@connectrpc/connect';
import type { FastifyRequest } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import { addressOf } from '#kit/net/peer-address.ts';
import { type Peer, peerKey } from '#kit/call/peer.ts';
import type { Binding } from './binding.ts';

/** A call's context, with `abort`. */
export type RestContext = ReturnType<typeof createHandlerContext>;

/**
 * Returns the request headers from Node's raw list, repeated ones included (see
 * joinedHeader), without HTTP/2 pseudo-headers.
 */
export function headersOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.charCodeAt(0) !== 58) pairs.push([name, rawHeaders[i + 1] ?? '']);
  }
  return pairs;
}

/** Returns the peer of a request on a public port. */
export function peerOf(request: FastifyRequest): Peer {
  return { address: addressOf(request), via: 'door', requestId: request.id };
}

/** Creates the context of a call. The caller must `abort` it when the call is over. */
export function openContext(
  request: FastifyRequest,
  binding: Binding,
  options: { readonly timeoutMs: number | undefined; readonly shutdown: AbortSignal | undefined },
): RestContext {
  const rest = { route: `${binding.httpMethod} ${binding.template.text}`, status: binding.status };
  const contextValues: ContextValues = createContextValues().set(peerKey, { ...peerOf(request), rest });
  const host = request.headers[':authority'] ?? request.headers.host ?? '';
  const init = {
    service: binding.method.parent,
    method: binding.method,
    protocolName: 'rest',
    requestMethod: request.method,
    url: `${request.protocol}://${String(host)}${request.raw.url ?? ''}`,
    requestHeader: headersOf(request.raw.rawHeaders),
    contextValues,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.shutdown === undefined ? {} : { shutdownSignal: options.shutdown }),
  };
  try {
    return createHandlerContext(init);
  } catch (error) {
    // `Headers` rejects values that the lenient HTTP parser accepts.
    throw failure('INVALID_ARGUMENT', { cause: error });
  }
}
