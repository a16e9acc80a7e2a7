import { createContextValues } from '@connectrpc/connect';
import type { FastifyRequest } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import { addressOf } from '#kit/net/peer-address.ts';
import { openContext, type OpenContext } from '#kit/call/context.ts';
import { type Peer, peerKey } from '#kit/call/peer.ts';
import type { Binding } from './binding.ts';

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

/** Opens the context of a call. The caller must `abort` it when the call is over. @throws INVALID_ARGUMENT on an invalid header */
export function openRestContext(
  request: FastifyRequest,
  binding: Binding,
  options: { readonly timeoutMs: number | undefined; readonly shutdown: AbortSignal | undefined },
): OpenContext {
  const rest = { route: `${binding.httpMethod} ${binding.template.text}`, status: binding.status };
  const host = request.headers[':authority'] ?? request.headers.host ?? '';
  const init = {
    method: binding.method,
    protocolName: 'rest',
    requestMethod: request.method,
    url: `${request.protocol}://${String(host)}${request.raw.url ?? ''}`,
    requestHeader: headersOf(request.raw.rawHeaders),
    values: createContextValues().set(peerKey, { ...peerOf(request), rest }),
    timeoutMs: options.timeoutMs,
    parents: options.shutdown ? [options.shutdown] : [],
  };
  try {
    return openContext(init);
  } catch (error) {
    // HTTP/2 in Node accepts values that headers may not have.
    throw failure('INVALID_ARGUMENT', { cause: error });
  }
}
