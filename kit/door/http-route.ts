import { createContextValues } from '@connectrpc/connect';
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { failure } from '#kit/errors/failure.ts';
import { identityOf } from '#kit/guard/connect.ts';
import type { Identity } from '#kit/guard/policy.ts';
import { type AccessRule, assertRule } from '#kit/guard/rule.ts';
import type { Log } from '#kit/log/log.ts';
import { copyHeaders } from '#kit/rest/answer.ts';
import { drain, hasBody, isGone, readBytes } from '#kit/rest/request-body.ts';
import { headersOf, peerOf } from '#kit/rest/request-context.ts';
import type { GateCheck, GateRequest } from '#kit/call/gate-check.ts';
import { dropForged } from '#kit/call/call.ts';
import { maxRequestBytes } from '#kit/contract/limits.ts';
import { peerKey } from '#kit/call/peer.ts';
import type { RateClassName } from '#kit/contract/rate-class.ts';

/** An HTTP route other than a call: a page, a file, another protocol. It passes the same gate as calls. */
export interface HttpRoute {
  readonly methods: readonly HTTPMethods[];
  /** Path in Fastify's format. GET includes HEAD. */
  readonly path: string;
  /** Who may call; 'public' for pages and for protocols that authenticate themselves. */
  readonly access: AccessRule;
  /** Rate limit class. Default: standard. */
  readonly rate?: RateClassName;
  /** Whether pages of other sites may send requests that change state. Public routes only. */
  readonly crossOrigin?: boolean;
  /** Content-Security-Policy of the responses, instead of the default for data. */
  readonly csp?: string;
  /** Maximum size of the request body, in bytes. Default 64 KiB. */
  readonly maxBodyBytes?: number;
  /** Handles an admitted request. Errors are sent as problems. */
  readonly answer: (request: FastifyRequest, reply: FastifyReply, admitted: Admitted) => unknown;
}

/** An admitted request. */
export interface Admitted {
  /** The verified identity; empty on a public route. */
  readonly identity: Identity;
  /** Request headers, without those that claim an identity, and with a cookie's access token as Authorization. */
  readonly header: Headers;
  /** Reads the request body, of any type. @throws PAYLOAD_TOO_LARGE past the route's limit */
  readonly body: () => Promise<Buffer>;
}

declare module 'fastify' {
  interface FastifyRequest {
    admitted?: Admitted;
  }
}

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Mounts routes behind a gate. The gate runs on the headers; the route reads the body
 * itself. Other HTTP methods on their paths are METHOD_NOT_ALLOWED; OPTIONS is left
 * to CORS. Each request writes one log line.
 * @param gate without one, only public routes may be mounted, and the door counts requests as light
 * @throws Error on an invalid route
 */
export function mountRoutes(
  fastify: FastifyInstance,
  routes: readonly HttpRoute[],
  { log, gate }: { readonly log: Log; readonly gate?: GateCheck | undefined },
): void {
  for (const route of routes) assertRoute(route, gate);
  void fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.addHook(
      'onResponse',
      async ({ raw, method, routeOptions: { url: route }, id }, { statusCode, elapsedTime }) => {
        if (hasBody(raw)) drain(raw);
        // The route's pattern, never the URL: its query may hold a secret.
        log.info({ method, route, request_id: id, status: statusCode, ms: Math.round(elapsedTime) }, 'request');
      },
    );
    for (const route of routes) {
      scope.route({
        method: [...route.methods],
        url: route.path,
        config: { isCounted: gate !== undefined },
        onRequest: async (request, reply) => {
          if (route.csp !== undefined) reply.header('content-security-policy', route.csp);
          request.admitted = await admit(route, request, reply, gate);
        },
        handler: (request, reply) => {
          if (!request.admitted) throw failure('INTERNAL', { cause: new Error('the gate has not run') });
          return route.answer(request, reply, request.admitted);
        },
      });
    }
    for (const [url, allowed] of methodsByPath(routes)) {
      scope.route({
        method: scope.supportedMethods.filter((method) => method !== 'OPTIONS' && !allowed.has(method)),
        url,
        handler: (_, reply) => {
          reply.header('allow', [...allowed].toSorted().join(', '));
          throw failure('METHOD_NOT_ALLOWED');
        },
      });
    }
  });
}

function methodsByPath(routes: readonly HttpRoute[]): Map<string, Set<string>> {
  const paths = new Map<string, Set<string>>();
  for (const { path, methods } of routes) {
    const allowed = paths.get(path) ?? new Set();
    for (const method of methods) allowed.add(method);
    if (allowed.has('GET')) allowed.add('HEAD');
    paths.set(path, allowed);
  }
  return paths;
}

async function admit(
  { access, rate = 'standard', crossOrigin = false, maxBodyBytes = maxRequestBytes }: HttpRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  gate?: GateCheck,
): Promise<Admitted> {
  const values = createContextValues().set(peerKey, peerOf(request));
  const requestHeader = new Headers(headersOf(request.raw.rawHeaders));
  dropForged(requestHeader);
  const responseHeader = new Headers({ 'x-request-id': request.id });
  const changesState = !safe.has(request.method);
  const gateRequest: GateRequest = { access, rate, changesState, crossOrigin, requestHeader, responseHeader, values };
  try {
    await gate?.(gateRequest);
  } finally {
    copyHeaders(responseHeader, reply);
  }
  if (Number(requestHeader.get('content-length') ?? 0) > maxBodyBytes) throw failure('PAYLOAD_TOO_LARGE');
  return {
    identity: identityOf(values),
    header: requestHeader,
    body: () => bodyOf(request, maxBodyBytes),
  };
}

const empty = Buffer.alloc(0);

/** @throws CANCELLED if the client disconnects, PAYLOAD_TOO_LARGE */
async function bodyOf({ raw, signal }: FastifyRequest, maxBytes: number): Promise<Buffer> {
  if (!hasBody(raw)) return empty;
  // Fastify creates its signal at the first use and misses an earlier close.
  if (isGone(raw)) throw failure('CANCELLED');
  try {
    return await readBytes(raw, maxBytes, signal);
  } catch (error) {
    throw signal.aborted || isGone(raw) ? failure('CANCELLED', { cause: error }) : error;
  }
}

function assertRoute({ methods, path, access, crossOrigin }: HttpRoute, gate?: GateCheck): void {
  const name = `${methods.join(', ')} ${path}`;
  assertRule(access);
  if (methods.length === 0) throw new Error(`${name}: no HTTP method`);
  if (access === 'public') return;
  if (!gate) throw new Error(`${name} is not public and requires a gate`);
  if (crossOrigin) throw new Error(`${name} uses credentials and must not be cross-origin`);
}
