import { readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { runProcess } from '#kit/process/run.ts';
import { processLog } from '#kit/service/process-log.ts';
import { linkToAuth } from '#kit/identity/auth-link.ts';
import { guardFor, guardSoon, jwksFor, logWhenReady } from '#kit/identity/guard-for.ts';
import { channelsTo } from '#kit/service/channels.ts';
import { targetOf } from '#kit/service/registry.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { services } from '../registry.ts';
import { buildEdge } from './build.ts';
import { openEdge } from './open.ts';
import { upstreamsOf } from './upstream.ts';

const { name, calls, keys, ports } = services.edge;

await runProcess(async (closing) => {
  const config = readConfig(keys, readEnvironment());
  const log = processLog(config).child({ service: name });
  const metrics = (await openTelemetry(config, name, log, closing)).of(name);
  const auth = linkToAuth(name, { ...config, authTarget: targetOf(config, 'auth') }, calls['auth'] ?? []);
  closing.add(() => auth.close());
  const { revocations } = auth;
  const guard = guardFor(config, { keys: jwksFor(config), revocations, metrics, log });
  closing.add(() => guard.close());
  const upstreams = upstreamsOf(calls, channelsTo(calls, config, auth, closing));
  const edge = await buildEdge({ config, guard, upstreams, log, metrics, draining: closing.draining });
  await guardSoon(guard);
  const { port } = await openEdge(edge, config, metrics, closing);
  return { ports: { [ports.door.env]: port }, serving: logWhenReady(guard, name, { port }, log) };
});
