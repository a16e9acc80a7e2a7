import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { processLog, runProcess } from '#kit/process/run.ts';
import { asService } from '#kit/guard/as-service.ts';
import { linkToAuth } from '#kit/rpc/auth-link.ts';
import { createGrpcTransport } from '#kit/rpc/grpc-client.ts';
import { guardFor, jwksFor, logWhenReady } from '#kit/rpc/guard-for.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { buildEdge } from './build.ts';
import { keys } from './config.ts';
import { openEdge } from './open.ts';
import { exposed } from './services.ts';

await runProcess(async (closing) => {
  const config = readConfig(keys, readEnvironment());
  const log = processLog(config).child({ service: 'edge' });
  const metrics = (await openTelemetry(config, 'edge', log, closing)).of('edge');
  const auth = linkToAuth('edge', config, exposed.auth);
  closing.add(() => auth.close());
  const { revocations } = auth;
  const guard = guardFor(config, { keys: jwksFor(config), revocations, metrics, log });
  closing.add(() => guard.close());
  const user = createGrpcTransport(config.userTarget, exposed.user);
  closing.add(() => user.close());
  const toUser = asService(user, auth.identity);
  const upstreams = [
    ...exposed.auth.map((desc) => ({ desc, transport: auth.transport })),
    ...exposed.user.map((desc) => ({ desc, transport: toUser })),
  ];
  const edge = buildEdge({ config, guard, upstreams, log, metrics });
  const { port } = await openEdge(edge, config, closing);
  return { ports: { [keys.port.env]: port }, serving: logWhenReady(guard, 'edge', { port }, log) };
});
