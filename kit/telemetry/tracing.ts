import type { DiagLogger } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Options of tracing. */
export interface TracingOptions {
  /** Base URL of an OTLP/HTTP collector. */
  readonly endpoint: string;
  /** Headers for the collector. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** Share of new traces that are recorded, from 0 to 1. For other traces the client decides. */
  readonly share: number;
  /** `service.name` of every span. */
  readonly service: string;
  readonly log: Log;
}

/** Interval of sending batches of spans, ms. */
const sendEvery = 1_000;
/** Timeout of sending spans, ms. */
const flushTimeout = 2_000;
/** Minimum interval of log lines about an unavailable collector, ms. */
const logEvery = 60_000;

/**
 * Starts recording spans of calls and of Prisma's statements, for the whole process,
 * and sends them to a collector. Returns a function that sends the remaining spans and
 * stops. OpenTelemetry's SDK is loaded only here.
 */
export async function startTracing(options: TracingOptions): Promise<() => Promise<void>> {
  const { endpoint, headers, share, service, log } = options;
  const [api, { AsyncLocalStorageContextManager }, { OTLPTraceExporter }, { PrismaInstrumentation }, resources, sdk] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@prisma/instrumentation'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace'),
    ]);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])),
    timeoutMillis: flushTimeout,
  });
  const ratio = new sdk.TraceIdRatioBasedSampler(share);
  // Incoming calls begin traces. Background work, which polls the database all the time, begins none.
  const root: Sampler = {
    shouldSample: (context, traceId, _name, kind) =>
      kind === api.SpanKind.SERVER
        ? ratio.shouldSample(context, traceId)
        : { decision: sdk.SamplingDecision.NOT_RECORD },
  };
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(resources.resourceFromAttributes({ 'service.name': service })),
    sampler: new sdk.ParentBasedSampler({ root }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: sendEvery })],
  });
  api.diag.setLogger(diagLogger(log), api.DiagLogLevel.WARN);
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.trace.setGlobalTracerProvider(provider);
  const prisma = new PrismaInstrumentation();
  prisma.setTracerProvider(provider);
  prisma.enable();
  return async () => {
    prisma.disable();
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, flushTimeout).unref());
    await Promise.race([provider.shutdown(), timeout]).catch(() => undefined);
  };
}

/** Logs the SDK's warnings, at most one a minute: with an unavailable collector every batch causes one. */
function diagLogger(log: Log): DiagLogger {
  let loggedAt = -Infinity;
  const warn = (message: string) => {
    if (performance.now() - loggedAt < logEvery) return;
    loggedAt = performance.now();
    log.warn({ reason: plain(message).slice(0, 500) }, 'failed to send traces to OTEL_EXPORTER_OTLP_ENDPOINT');
  };
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
}

/** Returns the message of an error, which the SDK passes as JSON with its stack. */
function plain(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function ignore(): void {}
