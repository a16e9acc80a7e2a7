import Fastify from 'fastify';
import type { AddressInfo } from 'node:net';
import { noSchemas } from '#kit/net/no-schemas.ts';
import type { Metrics } from './metrics.ts';

/** A metrics port. */
export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Opens a port with `GET /metrics`, separate from the public ports, because metrics are for operators.
 * @throws Error if the port is not available
 */
export async function serveMetrics(metrics: Metrics, options: { port: number; host: string }): Promise<MetricsServer> {
  const fastify = Fastify({ ...noSchemas, forceCloseConnections: true });
  fastify.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  await fastify.listen(options);
  return { port: (fastify.server.address() as AddressInfo).port, close: () => fastify.close() };
}
