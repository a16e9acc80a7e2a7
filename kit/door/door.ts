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
import type { GateCheck } from '#kit/call/gate-check.ts';
import { requestIdFrom } from '#kit/call/call.ts';
import { noSchemas } from '#kit/net/no-schemas.ts';
import { createProxyNotice } from '#kit/net/proxy-notice.ts';
import { type Ready, untilDraining } from '#kit/service/health.ts';
import { maxRequestBytes } from '#kit/contract/limits.ts';
import { createDoorServer, type DoorServer, httpLimits } from './server.ts';
import type { Certificate } from './certificate.ts';
import { type HttpRoute, mountRoutes } from './http-route.ts';
import { isGrpc, mountConnect } from './mount-connect.ts';
import { securityHeaders } from './security-headers.ts';

/** Options of a door, the public port of an app. */
export interface DoorOptions {
  readonly app: RpcApp;
  readonly ready: Ready;
  /** Aborted when the process begins to stop: the door is then not ready, and asks clients to close their connections. */
  readonly draining?: AbortSignal | undefined;
  readonly log: Log;
  /** Proxies whose X-Forwarded-For is trusted: addresses or CIDR ranges. */
  readonly trustedProxies?: readonly string[];
  /** The configuration key of `trustedProxies`: a warning names it if another proxy forwards requests. Default: no warning. */
  readonly trustedProxiesKey?: string;
  /** Limit of open connections. */
  readonly connections?: ConnectionLimit;
  /** Default: no TLS. */
  readonly certificate?: Certificate | undefined;
  /**
   * Rate limiter for requests that are not calls (the gate counts calls). Returns
   * response headers.
   * @throws RATE_LIMITED past the limit
   */
  readonly limit?: (address: string) => Promise<Readonly<Record<string, string>>>;
  /** HTTP routes other than calls: pages, files, other protocols. */
  readonly routes?: () => Promise<readonly HttpRoute[]>;
  /** Gate of these routes. */
  readonly gate?: GateCheck;
  /** Adds plugins and hooks before the routes are mounted. */
  readonly extend?: (fastify: FastifyInstance) => Promise<void>;
}

/** An open door. */
export interface Door {
  readonly port: number;
  /** Accepts no more requests, waits for those in progress, then closes the remaining connections. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Opens a public port for an app: REST, Connect, gRPC-Web and gRPC, over HTTP/1.1
 * and HTTP/2, with or without TLS, with `/health` (liveness) and `/ready` (readiness).
 * @throws Error if the port is not available, or the contract has an invalid REST route
 */
export async function openDoor(
  options: DoorOptions & { readonly port: number; readonly host?: string },
): Promise<Door> {
  const fastify = await buildDoor(options);
  await fastify.listen({ port: options.port, host: options.host ?? '0.0.0.0' });
  const server = fastify.server as unknown as DoorServer;
  return {
    port: (server.address() as AddressInfo).port,
    async close(graceMs = 5_000) {
      await server.stopListening();
      // Repeated, because connections may become idle later.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await fastify.close();
      clearInterval(idle);
      clearTimeout(force);
    },
  };
}

async function buildDoor(options: DoorOptions): Promise<FastifyInstance> {
  const { app, draining, log, trustedProxies = [], trustedProxiesKey, limit, extend, routes, gate } = options;
  const { connections, certificate } = options;
  const notice = trustedProxiesKey && createProxyNotice(trustedProxies, trustedProxiesKey, log);
  // Warnings and errors only: calls write their own log lines.
  const logger: FastifyBaseLogger = log.child({}, { level: log.isLevelEnabled('info') ? 'warn' : log.level });
  const headers = await securityHeaders();
  /** Requests that are no calls: the calls have log lines of their handlers. */
  const unknown = new WeakSet<FastifyRequest>();
  const fastify = Fastify({
    ...noSchemas,
    serverFactory: (handler) =>
      createDoorServer(handler, { connections, draining, tls: certificate && { certificate, log } }) as never,
    // A request that arrives while the port closes is served: its client could not know.
    return503OnClosing: false,
    trustProxy: trustedProxies.length > 0 && trustIn(trustedProxies),
    bodyLimit: maxRequestBytes,
    loggerInstance: logger,
    // Not one per request: the few lines of a door name the request themselves.
    childLoggerFactory: (parent) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (raw) => requestIdFrom(raw.headers['x-request-id']),
    exposeHeadRoutes: true,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: clientErrorAnswer(headers, log),
  });
  fastify.setErrorHandler(answerError);
  fastify.setNotFoundHandler(answerNotFound);
  fastify.addHook('onRequest', (request, reply, done) => {
    // The client has disconnected, so the request can be neither answered nor counted by address.
    if (isGone(request.raw)) return void reply.hijack();
    if (notice) notice(request.raw);
    const authorization = joinedHeader(request.raw.rawHeaders, 'authorization');
    if (authorization !== undefined) request.raw.headers.authorization = authorization;
    // They are for browsers, which cannot send gRPC.
    if (!isGrpc(request)) for (const [name, value] of headers) reply.header(name, value);
    const isTooLarge = sizeOf(request.raw.rawHeaders) > httpLimits.maxHeaderSize;
    if (isTooLarge) unknown.add(request);
    done(isTooLarge ? failure('HEADERS_TOO_LARGE') : undefined);
  });
  // Connect builds a URL from the request. With an invalid one it would respond with an empty 200.
  fastify.addHook('onRequest', ({ raw }, _, done) => {
    const authority = raw.headers[':authority'] ?? (raw.headers.host ??= 'localhost');
    done(URL.canParse(raw.url ?? '', `http://${String(authority)}`) ? undefined : failure('INVALID_ARGUMENT'));
  });
  const count = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (limit) reply.headers(await limit(addressOf(request)));
  };
  fastify.addHook('onRequest', async (request, reply) => {
    // Gates count most routes, but not OPTIONS, which a CORS plugin may handle.
    if (!request.routeOptions.config.isCounted || request.method === 'OPTIONS') await count(request, reply);
  });
  await extend?.(fastify);
  if (routes) mountRoutes(fastify, await routes(), { log, gate });

  fastify.get('/health', async () => ({ status: 'ok' }));
  const ready = untilDraining(options.ready, draining);
  fastify.get('/ready', async (_, reply) => {
    const missing = await ready();
    if (missing === undefined) return { status: 'ready' };
    return reply.code(503).send({ status: 'not ready', missing });
  });
  const unmatched = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    unknown.add(request);
    await count(request, reply);
  };
  fastify.addHook('onResponse', async (request, { statusCode: status, elapsedTime }) => {
    if (!unknown.has(request)) return;
    const { method, id: request_id } = request;
    // Never the path, which may hold a secret.
    log.info({ method, route: 'unknown', request_id, status, ms: Math.round(elapsedTime) }, 'request');
  });
  mountConnect(fastify, app, unmatched);
  mountRest(fastify, app, { unmatched });
  return fastify;
}

/** Returns the size of the headers. Node enforces the limit for HTTP/1.1, but accepts more than announced for HTTP/2. */
function sizeOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((size, part) => size + part.length, 0);
}
