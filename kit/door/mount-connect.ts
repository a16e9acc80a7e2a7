import { createConnectRouter, createContextValues } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { peerKey } from '#kit/call/peer.ts';
import { isGone } from '#kit/rest/request-body.ts';
import { peerOf } from '#kit/rest/request-context.ts';
import { explained } from './connect-errors.ts';
import { outsideErrors, outsideGate } from './outside.ts';

/** How long calls may go on once the server closes, before their signals abort, in milliseconds. */
const shutdownAfter = 1_000;

/**
 * Opens the Connect, gRPC-Web and gRPC door of an app. Not by Connect's own plugin
 * for Fastify: that writes what goes wrong to the console, past the logger.
 * @param limit counts a request that no handler takes for a call, and rejects past a budget
 */
export function mountConnect(
  fastify: FastifyInstance,
  app: RpcApp,
  limit: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const shutdown = new AbortController();
  const methods = app.services.flatMap((service) => service.methods);
  const limits = new Set(methods.map((method) => edgeRuleOf(method).maxRequestBytes));
  // A router has one limit. Options of a service's own would take the gate and the interceptors away.
  const found = [...limits].flatMap((readMaxBytes) => {
    const router = createConnectRouter({
      acceptCompression: [compressionGzip, compressionBrotli],
      requestGate: outsideGate(app.gate),
      interceptors: [outsideErrors, ...app.interceptors],
      readMaxBytes,
      binaryOptions: { readUnknownFields: false },
      maxTimeoutMs: 24 * 3_600_000,
      jsonOptions: { useProtoFieldName: true, alwaysEmitImplicit: true, ignoreUnknownFields: false },
      shutdownSignal: shutdown.signal,
    });
    for (const { desc, impl } of app.mounted) router.service(desc, impl);
    return router.handlers.filter(({ method }) => edgeRuleOf(method).maxRequestBytes === readMaxBytes);
  });
  const handlers = explained(found, app);

  async function serve(handler: UniversalHandler, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { raw } = request;
    if (!isCall(handler, request)) await limit(request, reply);
    if (isGone(request.raw)) return void reply.hijack();
    const contextValues = createContextValues().set(peerKey, peerOf(request));
    const answer = await handler(universalRequestFromNodeRequest(raw, reply.raw, undefined, contextValues));
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
    reply.hijack();
    await universalResponseToNodeResponse(answer, reply.raw);
  }

  void fastify.register(async (scope) => {
    // Connect reads the body, and the gate runs before it does.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.addHook('preClose', (done) => {
      setTimeout(() => shutdown.abort(failure('SERVICE_UNAVAILABLE', { retryAfter: 1 })), shutdownAfter);
      done();
    });
    for (const handler of handlers) {
      scope.all(handler.requestPath, { config: { isCounted: true } }, async (request, reply) => {
        try {
          await serve(handler, request, reply);
        } catch (error) {
          // That a caller left is in the line of the call.
          if (isGone(request.raw)) return void reply.hijack();
          if (!reply.sent) throw error;
          request.log.error({ err: error }, 'an answer could not be written');
          reply.raw.destroy();
        }
        return reply;
      });
    }
  });
}

/** Tells whether Connect takes a request for a call, whose gate counts it. */
function isCall({ allowedMethods, supportedContentType }: UniversalHandler, { method, headers }: FastifyRequest) {
  return allowedMethods.includes(method) && supportedContentType(headers['content-type'] ?? null);
}
