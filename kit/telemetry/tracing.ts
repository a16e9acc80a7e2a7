import type { DiagLogger } from '@opentelemetry/api';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';

/** Where traces go. */
export interface TracingOptions {
  /** Base URL of an OTLP/HTTP collector. */
  readonly endpoint: string;
  /** Headers that it asks for. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** Share of the traces that begin here, from 0 to 1; of one that began elsewhere, whoever began it decides. */
  readonly share: number;
  /** `service.name` of every span. */
  readonly service: string;
  readonly log: Log;
}

/** Spans are sent together, so often, ms. */
const sentEvery = 1_000;
/** Longest time that the last spans may take to leave, ms. */
const longestFlush = 2_000;
/** A collector that is away is told of so often, ms. */
const toldEvery = 60_000;

/**
 * Records spans of calls and of Prisma's statements from now on, for the whole
 * process, and sends them to a collector; answers what sends the last of them and
 * ends it. Nothing of OpenTelemetry's SDK is loaded before this is called.
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
    timeoutMillis: longestFlush,
  });
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(resources.resourceFromAttributes({ 'service.name': service })),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: sentEvery })],
  });
  api.diag.setLogger(complaintsTo(log), api.DiagLogLevel.WARN);
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.trace.setGlobalTracerProvider(provider);
  const prisma = new PrismaInstrumentation();
  prisma.setTracerProvider(provider);
  prisma.enable();
  return async () => {
    prisma.disable();
    const late = new Promise<void>((resolve) => setTimeout(resolve, longestFlush).unref());
    await Promise.race([provider.shutdown(), late]).catch(() => undefined);
  };
}

/** Passes the SDK's complaints on, the first at once and then one a minute: a collector that is away has one for every batch. */
function complaintsTo(log: Log): DiagLogger {
  let toldAt = -Infinity;
  const tell = (message: string) => {
    if (performance.now() - toldAt < toldEvery) return;
    toldAt = performance.now();
    log.warn({ reason: message.slice(0, 500) }, 'traces could not be sent');
  };
  return { error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet };
}

function quiet(): void {}
