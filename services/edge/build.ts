import cors from '@fastify/cors';
import type { DescService } from '@bufbuild/protobuf';
import type { FastifyInstance } from 'fastify';
import { anyOriginGate } from '#kit/browser/any-origin.ts';
import { cookieNames, readCookie } from '#kit/browser/cookies.ts';
import { failure } from '#kit/errors/failure.ts';
import { connectGate } from '#kit/guard/connect.ts';
import type { Guard } from '#kit/guard/guard.ts';
import type { Log } from '#kit/log/log.ts';
import type { Gate, RpcApp } from '#kit/rpc/app.ts';
import type { Ready } from '#kit/rpc/health.ts';
import { createService } from '#kit/rpc/stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { Health } from '#gen/proto/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '#gen/proto/grpc/reflection/v1/reflection_pb.ts';
import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { type BrowserOptions, cookieGate, csrfGate, originGate } from './browser.ts';
import type { EdgeConfig } from './config.ts';
import { addPages } from './pages.ts';
import { createRateCounters } from './rate-counters.ts';
import { createRateLimit } from './rate-limit.ts';
import { forward, isOnEdge, type Upstream } from './upstream.ts';

/** The edge, wired. */
export interface Edge {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** Counts a request that is no call. @throws RATE_LIMITED */
  readonly limit?: (address: string) => Promise<Readonly<Record<string, string>>>;
  /** Adds CORS and pages to the door that the app is opened on. */
  readonly extend: (fastify: FastifyInstance) => Promise<void>;
  /** Lets go of what it holds besides the guard and the ways to services. */
  readonly close: () => void;
}

/** Wires the edge in front of services. */
export function buildEdge(deps: {
  readonly config: Omit<EdgeConfig, 'serviceKey' | 'alg'>;
  readonly guard: Guard;
  readonly upstreams: readonly Upstream[];
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}): Edge {
  const { config, guard, upstreams, log, metrics } = deps;
  const services = upstreams.map(({ desc }) => desc);
  const cookies = cookieNames(config.issuer);
  const browser: BrowserOptions = {
    cookies,
    origins: new Set([new URL(config.issuer).origin, ...config.corsOrigins]),
    csrf: config.csrf,
  };
  // The cookies of the refresh token and of the device are for the auth service alone; the access token travels as a header.
  const authCookies = (header: Headers) => {
    const own = [cookies.refresh, cookies.device].flatMap((name) => {
      const value = readCookie(header, name);
      return value === undefined ? [] : [`${name}=${value}`];
    });
    return own.length === 0 ? null : own.join('; ');
  };
  const mounted = upstreams.map((upstream) =>
    forward(upstream, upstream.desc.typeName.startsWith(authPackage) ? authCookies : () => null),
  );

  const { rateLimit: perMinute, redisUrl } = config;
  const counters = perMinute > 0 ? createRateCounters({ redisUrl, perMinute, log }) : undefined;
  const rateLimit = counters && createRateLimit(counters, perMinute);
  const ready: Ready = async () => guard.obstacle();
  return {
    app: createService({
      mounted,
      checks: [
        anyOriginGate(new Set(config.corsOrigins)),
        originGate(browser, async (address) => rateLimit?.light(address)),
        ...(rateLimit ? [rateLimit.gate] : []),
        exposedGate([...services, Health, ServerReflection]),
        cookieGate(browser),
        connectGate(guard),
        csrfGate(browser),
      ],
      guard,
      ready,
      streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
      reflection: config.environment !== 'production',
      log,
      metrics,
    }),
    ready,
    log,
    ...(rateLimit ? { limit: rateLimit.light } : {}),
    close: () => counters?.close(),
    async extend(fastify) {
      if (config.corsOrigins.length > 0) await fastify.register(cors, corsOf(config.corsOrigins));
      await addPages(fastify, services);
    },
  };
}

const authPackage = `${AuthService.file.proto.package}.`;

/** What is internal is not here at all. */
function exposedGate(services: readonly DescService[]): Gate {
  const exposed = new Set(services.flatMap((service) => service.methods).filter(isOnEdge));
  return async ({ method }) => {
    if (!exposed.has(method)) throw failure('UNIMPLEMENTED');
  };
}

function corsOf(origins: readonly string[]) {
  return {
    origin: [...origins],
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'X-CSRF-Token',
      'X-Request-Id',
      'Connect-Protocol-Version',
      'Connect-Timeout-Ms',
      'X-Grpc-Web',
      'Grpc-Timeout',
      'X-User-Agent',
      // What tracing adds to each request of a page (W3C Trace Context and Baggage, Sentry).
      'traceparent',
      'tracestate',
      'baggage',
      'sentry-trace',
    ],
    exposedHeaders: [
      'X-Request-Id',
      'Retry-After',
      'RateLimit',
      'RateLimit-Policy',
      'ETag',
      'WWW-Authenticate',
      'Grpc-Status',
      'Grpc-Message',
      'Grpc-Status-Details-Bin',
    ],
    maxAge: 7_200,
  };
}
