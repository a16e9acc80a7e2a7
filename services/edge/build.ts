import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { anyOriginGate } from '#kit/browser/any-origin.ts';
import { cookieNames } from '#kit/browser/cookies.ts';
import type { HttpRoute } from '#kit/door/http-route.ts';
import { failure } from '#kit/errors/failure.ts';
import { connectGate, identityKey } from '#kit/guard/connect.ts';
import type { Guard } from '#kit/guard/guard.ts';
import type { Log } from '#kit/log/log.ts';
import type { Gate, Mounted, RpcApp } from '#kit/call/app.ts';
import { type GateCheck, toGate } from '#kit/call/gate-check.ts';
import type { Ready } from '#kit/service/health.ts';
import { createService } from '#kit/service/stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { type BrowserOptions, cookieGate, csrfGate, originGate } from './browser.ts';
import type { EdgeConfig } from './config.ts';
import { edgePages } from './pages.ts';
import { createRateCounters } from './rate-counters.ts';
import { allBudgets, createRateLimit } from './rate-limit.ts';
import { forward, type Upstream } from './upstream.ts';

/** The edge, wired. */
export interface Edge {
  readonly app: RpcApp;
  readonly ready: Ready;
  readonly log: Log;
  /** Counts a request that is not a call. @throws RATE_LIMITED */
  readonly limit?: (address: string) => Promise<Readonly<Record<string, string>>>;
  /** The edge's pages. */
  readonly routes: () => Promise<readonly HttpRoute[]>;
  /** The checks of calls, applied to other HTTP requests. */
  readonly gate: GateCheck;
  /** Adds CORS to the HTTP server. */
  readonly extend: (fastify: FastifyInstance) => Promise<void>;
  /** Closes the rate counters. The guard and the transports are closed by the caller. */
  readonly close: () => void;
}

/** Wires the edge in front of services. */
export async function buildEdge(deps: {
  readonly config: Omit<EdgeConfig, 'serviceKey' | 'alg'>;
  readonly guard: Guard;
  readonly upstreams: readonly Upstream[];
  readonly log: Log;
  readonly metrics: ServiceMetrics;
  /** Aborted when the process begins to stop. */
  readonly draining?: AbortSignal;
}): Promise<Edge> {
  const { config, guard, upstreams, log, metrics } = deps;
  const services = upstreams.map(({ desc }) => desc);
  const names = cookieNames(config.issuer);
  const browser: BrowserOptions = {
    cookies: names,
    origins: new Set([new URL(config.issuer).origin, ...config.corsOrigins]),
    csrf: config.csrf,
  };
  const mounted = upstreams.map((upstream) => forward(upstream, names));

  const budgets = allBudgets({ perAddress: config.rateLimit, perUser: config.rateLimitUser });
  const isLimited = Object.keys(budgets).length > 0;
  const counters = isLimited
    ? await createRateCounters({ redisUrl: config.redisUrl, budgets, log, metrics })
    : undefined;
  const rateLimit = counters && createRateLimit(counters, budgets);
  // All requests pass these checks, before and after the guard.
  const before = [
    originGate(browser, async (address) => rateLimit?.light(address)),
    ...(rateLimit ? [rateLimit.addressGate] : []),
  ];
  const cookies = cookieGate(browser);
  const after = [...(rateLimit ? [rateLimit.userGate] : []), csrfGate(browser)];
  const ready: Ready = async () => guard.obstacle();
  return {
    app: createService({
      mounted,
      checks: [
        anyOriginGate(new Set(config.corsOrigins)),
        ...before.map(toGate),
        forwardedGate(mounted),
        toGate(cookies),
        connectGate(guard),
        ...after.map(toGate),
      ],
      guard,
      ready,
      draining: deps.draining,
      streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
      reflection: config.environment !== 'production',
      log,
      metrics,
    }),
    ready,
    log,
    ...(rateLimit ? { limit: rateLimit.light } : {}),
    routes: () => edgePages(services, { ...config, isLimited }),
    async gate(asked) {
      for (const gate of [...before, cookies]) await gate(asked);
      asked.values.set(identityKey, await guard.check(asked.access, asked.requestHeader));
      for (const gate of after) await gate(asked);
    },
    close: () => counters?.close(),
    async extend(fastify) {
      if (config.corsOrigins.length > 0) await fastify.register(cors, corsOf(config.corsOrigins));
    },
  };
}

/** Rejects methods that are not exposed on the edge (internal ones) as UNIMPLEMENTED. */
function forwardedGate(mounted: readonly Mounted[]): Gate {
  const left = new Set(mounted.flatMap(({ desc, impl }) => desc.methods.filter(({ localName }) => !impl[localName])));
  return async ({ method }) => {
    if (left.has(method)) throw failure('UNIMPLEMENTED');
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
      // Headers that browser tracing adds (W3C Trace Context and Baggage, Sentry).
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
      'Idempotent-Replayed',
      'Grpc-Status',
      'Grpc-Message',
      'Grpc-Status-Details-Bin',
    ],
    maxAge: 7_200,
  };
}
