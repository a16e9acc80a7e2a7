import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { AddressInfo } from 'node:net';
import { failure } from '#kit/errors/failure.ts';
import { joinedHeader } from '#kit/guard/raw-headers.ts';
import type { Log } from '#kit/log/log.ts';
import type { ConnectionLimit } from '#kit/net/connection-limit.ts';
import { addressOf, trustIn } from '#kit/net/peer-address.ts';
import { mountRest } from '#kit/rest/mount-rest.ts';
import { answerError, answerFrameworkError, answerNotFound, clientErrorAnswer } from '#kit/rest/fastify-errors.ts';
import { isGone } from '#kit/rest/request-body.ts';
import type { RpcApp } from '#kit/call/app.ts';
import type { GateCheck } from '#kit/call/asked.ts';
import { requestIdFrom } from '#kit/call/call.ts';
import type { Ready } from '#kit/service/health.ts';
import { maxRequestBytes } from '#kit/contract/limits.ts';
import { createDoorServer, type DoorServer, httpLimits } from './h2c.ts';
import { type HttpRoute, mountRoutes } from './http-route.ts';
import { mountConnect } from './mount-connect.ts';
import { securityHeaders } from './security-headers.ts';

/** What a door opens onto. */
export interface DoorOptions {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** Proxies whose X-Forwarded-For is believed: addresses or CIDR ranges. */
  readonly trustedProxies?: readonly string[];
  /** Closes a connection that is one too many. */
  readonly connections?: ConnectionLimit;
  /**
   * Counts a request that is no call: a call's own gate counts it. Answers headers
   * for the answer.
   * @throws RATE_LIMITED past a budget
   */
  readonly limit?: (address: string) => Promise<Readonly<Record<string, string>>>;
  /** HTTP beside the services: pages, files, protocols that are not RPC. */
  readonly routes?: () => Promise<readonly HttpRoute[]>;
  /** Stands in front of those routes. */
  readonly gate?: GateCheck;
  /** Adds plugins and hooks of the door's own, before its routes are mounted. */
  readonly extend?: (fastify: FastifyInstance) => Promise<void>;
}

/** A door that is open. */
export interface Door {
  readonly port: number;
  /** Takes no more requests, waits for those under way, then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Opens a public port for an app: REST, Connect, gRPC-Web and gRPC, over HTTP/1.1
 * and HTTP/2, with `/health` (the process lives) and `/ready` (it can work).
 * @throws where the port cannot be had, or the contract does not fit REST
 */
export async function openDoor(
  options: DoorOptions & { readonly port: number; readonly host?: string },
): Promise<Door> {
  const fastify = await buildDoor(options);
  await fastify.listen({ port: options.port, host: options.host ?? '0.0.0.0' });
  const server = fastify.server as DoorServer;
  return {
    port: (server.address() as AddressInfo).port,
    async close(graceMs = 5_000) {
      // A connection that falls idle after the first look would otherwise be waited for.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await fastify.close();
      clearInterval(idle);
      clearTimeout(force);
    },
  };
}

async function buildDoor(options: DoorOptions): Promise<FastifyInstance> {
  const { app, ready, log, trustedProxies = [], connections, limit, extend, routes, gate } = options;
  // Calls write a line of their own; this is for what goes wrong before one begins, or beside them.
  const logger: FastifyBaseLogger = log.child({}, { level: log.isLevelEnabled('info') ? 'warn' : log.level });
  const headers = await securityHeaders();
  const fastify = Fastify({
    serverFactory: (handler) => createDoorServer(handler, httpLimits, connections) as never,
    trustProxy: trustedProxies.length > 0 && trustIn(trustedProxies),
    bodyLimit: maxRequestBytes,
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (raw) => requestIdFrom(raw.headers['x-request-id']),
    exposeHeadRoutes: true,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: clientErrorAnswer(headers),
  });
  fastify.setErrorHandler(answerError);
  fastify.setNotFoundHandler(answerNotFound);
  fastify.addHook('onRequest', (request, reply, done) => {
    // Frames that were read before a connection broke: nobody is there to answer, nor an address to count by.
    if (isGone(request.raw)) return void reply.hijack();
    const authorization = joinedHeader(request.raw.rawHeaders, 'authorization');
    if (authorization !== undefined) request.raw.headers.authorization = authorization;
    for (const [name, value] of headers) reply.header(name, value);
    done(sizeOf(request.raw.rawHeaders) > httpLimits.maxHeaderSize ? failure('HEADERS_TOO_LARGE') : undefined);
  });
  // Connect makes a URL of what was sent; where none can be made, it would answer 200 with nothing in it.
  fastify.addHook('onRequest', ({ raw }, _, done) => {
    const authority = raw.headers[':authority'] ?? (raw.headers.host ??= 'localhost');
    done(URL.canParse(raw.url ?? '', `http://${String(authority)}`) ? undefined : failure('INVALID_ARGUMENT'));
  });
  const count = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (limit) reply.headers(await limit(addressOf(request)));
  };
  fastify.addHook('onRequest', async (request, reply) => {
    // A gate counts most routes; a plugin for CORS may answer OPTIONS on all of them.
    if (!request.routeOptions.config.isCounted || request.method === 'OPTIONS') await count(request, reply);
  });
  await extend?.(fastify);
  if (routes) mountRoutes(fastify, await routes(), gate);

  fastify.get('/health', async () => ({ status: 'ok' }));
  fastify.get('/ready', async (_, reply) => {
    const missing = await ready();
    if (missing === undefined) return { status: 'ready' };
    return reply.code(503).send({ status: 'not ready', missing });
  });
  mountConnect(fastify, app, count);
  mountRest(fastify, app, { unmatched: count });
  return fastify;
}

/** HTTP/1.1 has this limit from Node itself; of HTTP/2 it takes more than it said it would. */
function sizeOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((size, part) => size + part.length, 0);
}
