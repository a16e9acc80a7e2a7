import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { remoteJwks } from '#kit/guard/jwks.ts';
import { processLog, runProcess } from '#kit/process/run.ts';
import { createGrpcTransport } from '#kit/rpc/grpc-client.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import { buildEdge } from './build.ts';
import { keys } from './config.ts';
import { openEdge } from './open.ts';

await runProcess(async (closing) => {
  const config = readConfig(keys, readEnvironment());
  const log = processLog(config).child({ service: 'edge' });
  const guard = guardFor(config, { keys: remoteJwks({ url: config.jwksUrl }) });
  closing.add(() => guard.close());
  const auth = createGrpcTransport(config.authTarget, [AuthService]);
  const user = createGrpcTransport(config.userTarget, [UserService]);
  closing.add(() => [auth, user].forEach((transport) => transport.close()));
  const edge = buildEdge({
    config,
    guard,
    upstreams: [
      { desc: AuthService, transport: auth },
      { desc: UserService, transport: user },
    ],
    log,
  });
  const { port } = await openEdge(edge, config, closing);
  log.info({ port }, 'edge is ready');
});
