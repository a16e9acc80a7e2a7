import type { Config } from '#kit/config/config.ts';
import { type processKeys, telemetryKeys } from '#kit/config/shared-keys.ts';
import type { Log } from '#kit/log/log.ts';
import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';
import { startTracing } from './tracing.ts';

/**
 * Sets up the telemetry of a process: metrics and, if configured, a metrics port and
 * traces. Call it first, so that it is closed last.
 * @param name name of the process: `service.name` is `signet-<name>`
 */
export async function openTelemetry(
  config: Config<typeof telemetryKeys> & Pick<Config<typeof processKeys>, 'host'>,
  name: string,
  log: Log,
  closing: Pick<Closing, 'add'>,
): Promise<Metrics> {
  const { host, metricsPort: port, traceEndpoint: endpoint, traceHeaders: headers, traceShare: share } = config;
  const metrics = createMetrics();
  surviveRejections(log, metrics, closing);
  if (endpoint !== undefined) {
    closing.add(await startTracing({ endpoint, headers, share, service: `signet-${name}`, log }));
  }
  if (port !== undefined) {
    const server = await onPort(port, telemetryKeys.metricsPort.env, () => serveMetrics(metrics, { port, host }));
    closing.add(() => server.close());
    log.info({ port: server.port }, 'serving metrics');
  }
  return metrics;
}

/**
 * Logs and counts unhandled promise rejections instead of ending the process (Node's
 * default), because otherwise a client that can cause one could end a public process.
 * The log line has the ids of the call.
 */
function surviveRejections(log: Log, metrics: Metrics, closing: Pick<Closing, 'add'>): void {
  function survive(error: unknown): void {
    metrics.unhandledRejection();
    log.error({ err: error }, 'unhandled promise rejection');
  }
  process.on('unhandledRejection', survive);
  closing.add(() => process.off('unhandledRejection', survive));
}
