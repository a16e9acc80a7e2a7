import { openCertificate } from '#kit/door/certificate.ts';
import { type Door, openDoor } from '#kit/door/door.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { Closing } from '#kit/process/run.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { type GrpcServer, serveGrpc } from '#kit/transport/grpc-server.ts';
import type { Auth } from './build.ts';
import { type AuthConfig, keys } from './config.ts';

/**
 * Opens the auth service's two ports: HTTP, and gRPC for other services. Only the first may have TLS.
 * @throws CertificateError if TLS is not configured as it should be
 */
export async function openAuth(
  { app, ready, log }: Auth,
  config: AuthConfig,
  metrics: ServiceMetrics,
  closing: Closing,
): Promise<{ door: Door; grpc: GrpcServer }> {
  const { host, port, grpcPort, connectionLimit: total, connectionLimitAddress: perAddress } = config;
  const connections = createConnectionLimit({ total, perAddress }, log);
  const certificate = openCertificate(config, { log, metrics, closing });
  const { draining } = closing;
  const options = { app, ready, draining, log, port, host, connections, certificate };
  const door = await onPort(port, keys.port.env, () => openDoor(options));
  closing.add(() => door.close());
  const grpc = await onPort(grpcPort, keys.grpcPort.env, () => serveGrpc(app, { port: grpcPort, host, connections }));
  closing.add(() => grpc.close());
  closing.keepOpen(config.drainDelay);
  return { door, grpc };
}
