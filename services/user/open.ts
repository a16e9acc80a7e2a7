import type { limitKeys } from '#kit/config/shared-keys.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import { type GrpcServer, serveGrpc } from '#kit/rpc/grpc-server.ts';
import type { User } from './build.ts';
import { keys, type UserConfig } from './config.ts';

/** Opens the user service's port. */
export async function openUser(
  { app, log }: User,
  { host, port, connectionLimit, connectionLimitAddress }: Pick<UserConfig, 'host' | 'port' | keyof typeof limitKeys>,
  closing: Closing,
): Promise<GrpcServer> {
  const connections = createConnectionLimit({ total: connectionLimit, perAddress: connectionLimitAddress }, log);
  const grpc = await onPort(port, keys.port.env, () => serveGrpc(app, { port, host, connections }));
  closing.add(() => grpc.close());
  return grpc;
}
