import type { Closing } from '#kit/process/run.ts';
import { onPort } from '#kit/process/start-error.ts';
import { type GrpcServer, serveGrpc } from '#kit/rpc/grpc-server.ts';
import type { User } from './build.ts';
import { keys, type UserConfig } from './config.ts';

/** Opens the user service's port. */
export async function openUser(
  { app }: User,
  { host, port }: Pick<UserConfig, 'host' | 'port'>,
  closing: Closing,
): Promise<GrpcServer> {
  const grpc = await onPort(port, keys.port.env, () => serveGrpc(app, { port, host }));
  closing.add(() => grpc.close());
  return grpc;
}
