import { type ConnectError, createConnectRouter, createContextKey, createContextValues } from '@connectrpc/connect';
import type {
  Compression,
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import type { KitReason } from '#kit/errors/reasons.ts';
import { failure } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { stageKey } from '#kit/call/call.ts';

const whyKey = createContextKey<ConnectError | undefined>(undefined, {
  description: 'reason of an unreadable request',
});

/**
 * Wraps Connect's handlers to replace its errors for unreadable requests. Connect
 * parses a request between the gate and the handler; its own errors have no
 * reason, quote the request, and report invalid input as INTERNAL.
 * @param compressions those that requests may have
 */
export function withOwnErrors(
  handlers: readonly UniversalHandler[],
  app: RpcApp,
  compressions: readonly Pick<Compression, 'name'>[],
): UniversalHandler[] {
  // The same methods with a gate that refuses, to serialize an error in each protocol.
  const refusing = createConnectRouter({
    requestGate: ({ values }) => {
      throw values.get(whyKey) ?? failure('INTERNAL');
    },
  });
  for (const { desc } of app.mounted) refusing.service(desc, {});
  const refuserOf = new Map(refusing.handlers.map((handler) => [handler.requestPath, handler]));

  return handlers.map((handler) => {
    const refuse = refuserOf.get(handler.requestPath);
    if (!refuse) throw new Error(`${handler.requestPath} cannot refuse`);
    const handle = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
      const contextValues = request.contextValues ?? createContextValues();
      const answer = await handler({ ...request, body: strictText(request), contextValues });
      if (contextValues.get(stageKey) !== 'admitted') return answer;
      const why = failure(await reasonIn(answer));
      const requestId = app.abandoned({ values: contextValues }, why);
      const refusal = await refuse({ ...request, contextValues: createContextValues().set(whyKey, why) });
      if (requestId !== undefined) refusal.header?.set('x-request-id', requestId);
      refusal.header?.set('grpc-accept-encoding', compressions.map(({ name }) => name).join());
      return refusal;
    };
    return Object.assign(handle, handler);
  });
}

/** Returns the reason of Connect's error, from its status code in any protocol. */
async function reasonIn({ status, trailer, body }: UniversalServerResponse): Promise<KitReason> {
  let text = `${status} grpc-status: ${trailer?.get('grpc-status') ?? ''} `;
  for await (const chunk of body ?? []) text += Buffer.from(chunk).toString('latin1');
  if (/grpc-status: ?8\b|resource_exhausted/.test(text)) return 'PAYLOAD_TOO_LARGE';
  // The method exists, and so does its protocol.
  if (/grpc-status: ?12\b|unimplemented/.test(text)) return 'UNSUPPORTED_COMPRESSION';
  if (/grpc-status: ?4\b|deadline_exceeded/.test(text)) return 'DEADLINE_EXCEEDED';
  if (/grpc-status: ?1\b|"canceled"/.test(text)) return 'CANCELLED';
  return 'INVALID_ARGUMENT';
}

/**
 * Rejects JSON that is not UTF-8 (RFC 8259 section 8.1). A lenient decoder would
 * replace invalid bytes with U+FFFD and thus make different passwords equal.
 */
function strictText({ header, body }: UniversalServerRequest): UniversalServerRequest['body'] {
  const isPlainJson = /^application\/json\b/i.test(header.get('content-type') ?? '') && !header.has('content-encoding');
  if (!isPlainJson || typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return body;
  return checked(body);
}

async function* checked(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of body) {
    decoder.decode(chunk, { stream: true });
    yield chunk;
  }
  decoder.decode();
}
