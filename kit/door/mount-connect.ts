import type { DescService } from '@bufbuild/protobuf';
import { createConnectRouter, createContextValues, type ServiceImpl } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { handlerOf } from '#kit/call/handler.ts';
import { edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { peerKey } from '#kit/call/peer.ts';
import { isGone } from '#kit/rest/request-body.ts';
import { peerOf } from '#kit/rest/request-context.ts';
import { withOwnErrors } from './connect-errors.ts';
import { outsideOf } from './outside.ts';

/** The compressions of requests and responses. */
const compressions = [compressionGzip, compressionBrotli];

/** Time from the start of shutdown until the signals of open calls abort, in milliseconds. */
const shutdownAfter = 1_000;

/**
 * Serves an app's methods over Connect, gRPC-Web and gRPC. Connect's plugin for
 * Fastify is not used, because it writes errors to the console instead of the logger.
 * @param limit rate limiter for requests that are not calls
 */
export function mountConnect(
  fastify: FastifyInstance,
  app: RpcApp,
  limit: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const shutdown = new AbortController();
  const methods = app.services.flatMap((service) => service.methods);
  const limits = new Set(methods.map((method) => edgeRuleOf(method).maxRequestBytes));
  const outside = outsideOf(app);
  // One router per limit: options of a single service would replace the gate.
  const found = [...limits].flatMap((readMaxBytes) => {
    const router = createConnectRouter({
      acceptCompression: [...compressions],
      requestGate: outside.gate,
      readMaxBytes,
      binaryOptions: { readUnknownFields: false },
      maxTimeoutMs: 24 * 3_600_000,
      jsonOptions: { useProtoFieldName: true, alwaysEmitImplicit: true, ignoreUnknownFields: false },
      shutdownSignal: shutdown.signal,
    });
    for (const service of app.services) router.service(service, implOf(service, outside));
    return router.handlers.filter(({ method }) => edgeRuleOf(method).maxRequestBytes === readMaxBytes);
  });
  const handlers = withOwnErrors(found, app, compressions);

  /** Answers a gRPC call of a method that does not exist: its client reads the status from trailers. */
  async function answerUnknown(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await limit(request, reply);
    const status = setTrailerStatus(new Headers({ 'x-request-id': request.id }), failure('UNIMPLEMENTED'));
    const header = new Headers({ 'content-type': String(request.headers['content-type']) });
    for (const [name, value] of Object.entries(reply.getHeaders())) header.set(name, String(value));
    const isWeb = isGrpcWeb(request);
    // gRPC-Web without a message has its status in the headers.
    if (isWeb) status.forEach((value, name) => header.set(name, value));
    reply.hijack();
    const response = { status: 200, header, ...(isWeb ? {} : { trailer: status }) };
    await universalResponseToNodeResponse(response, reply.raw);
  }

  fastify.addHook('onRequest', async (request, reply) => {
    // REST has the paths that nothing else has.
    if (request.routeOptions.url !== '/*' || !(isGrpc(request) || isGrpcWeb(request))) return;
    await answerUnknown(request, reply);
  });

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
    // Connect reads the body after the gate.
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
          // The call's log line reports the disconnect.
          if (isGone(request.raw)) return void reply.hijack();
          if (!reply.sent) throw error;
          request.log.error({ request_id: request.id, err: error }, 'failed to write a response');
          reply.raw.destroy();
        }
        return reply;
      });
    }
  });
}

/** Implements a service by an app that serves it. */
function implOf({ methods }: DescService, app: Pick<RpcApp, 'unary' | 'stream'>): Partial<ServiceImpl<DescService>> {
  return Object.fromEntries(
    methods.map((method) => [
      method.localName,
      handlerOf(method, {
        unary: (input, context) => app.unary(method, context, input),
        stream: (input, context) => app.stream(method, context, input),
      }),
    ]),
  ) as Partial<ServiceImpl<DescService>>;
}

/** Returns whether Connect treats a request as a call, which the gate counts. */
function isCall({ allowedMethods, supportedContentType }: UniversalHandler, { method, headers }: FastifyRequest) {
  return allowedMethods.includes(method) && supportedContentType(headers['content-type'] ?? null);
}

/** Returns whether a request is gRPC over HTTP/2, which no browser sends. */
export function isGrpc({ headers }: FastifyRequest): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(headers['content-type'] ?? '');
}

function isGrpcWeb({ headers }: FastifyRequest): boolean {
  return /^application\/grpc-web(?:[+;]|$)/i.test(headers['content-type'] ?? '');
}
