import { type Door, openDoor } from '#kit/door/door.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { Closing } from '#kit/process/run.ts';
import { type GrpcServer, serveGrpc } from '#kit/transport/grpc-server.ts';
import type { Auth } from './build.ts';
import { type AuthConfig, keys } from './config.ts';

/** Opens the auth service's two ports: HTTP, and gRPC for other services. */
export async function openAuth(
  { app, ready, log }: Auth,
  { host, port, grpcPort, connectionLimit, connectionLimitAddress }: AuthConfig,
  closing: Closing,
): Promise<{ door: Door; grpc: GrpcServer }> {
  const connections = createConnectionLimit({ total: connectionLimit, perAddress: connectionLimitAddress }, log);
  const door = await onPort(port, keys.port.env, () => openDoor({ app, ready, log, port, host, connections }));
  closing.add(() => door.close());
  const grpc = await onPort(grpcPort, keys.grpcPort.env, () => serveGrpc(app, { port: grpcPort, host, connections }));
  closing.add(() => grpc.close());
  return { door, grpc };
}
