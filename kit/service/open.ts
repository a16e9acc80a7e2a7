import type { Transport } from '@connectrpc/connect';
import { type Config, readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { clockEvery } from '#kit/db/clock.ts';
import { directUrl, poolOptions } from '#kit/db/configured.ts';
import { openDatabase } from '#kit/db/database.ts';
import { listen } from '#kit/db/listen.ts';
import type { Bus } from '#kit/events/nats/bus.ts';
import { connectGate } from '#kit/guard/connect.ts';
import type { Guard } from '#kit/guard/guard.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import { createConnectionLimit } from '#kit/net/connection-limit.ts';
import { type Closing, runProcess } from '#kit/process/run.ts';
import { processLog } from './process-log.ts';
import { onPort } from '#kit/process/start-error.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { linkToAuth } from '#kit/identity/auth-link.ts';
import { serveGrpc } from '#kit/transport/grpc-server.ts';
import { guardFor, guardSoon, jwksFor, logWhenReady } from '#kit/identity/guard-for.ts';
import { assertServes, createService } from './stack.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import { openTelemetry } from '#kit/telemetry/telemetry.ts';
import { every, startWork } from '#kit/work/work.ts';
import { channelsTo } from './channels.ts';
import { prepareDatabase } from './own-database.ts';
import { environmentFor, targetOf } from './registry.ts';
import type { BuiltService, DomainService, ServiceDeps } from './service.ts';

/** What the process provides to a service. */
export interface Host {
  readonly config: Config<DomainService['keys']>;
  readonly guard: Guard;
  /** Returns a transport to another service, with this service's token. */
  readonly to: (service: string) => Transport;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
  readonly closing: Closing;
}

/**
 * Wires a service behind its guard and opens its port, on a migrated database. Used
 * both for a service in its own process and for several in one process.
 */
export async function openService(
  service: DomainService,
  host: Host,
): Promise<{ readonly app: RpcApp; readonly port: number }> {
  const { config, guard, to, log, metrics, closing } = host;
  const database = openDatabase({
    ...poolOptions(config),
    applicationName: `signet-${service.name}`,
    log,
    metrics,
  });
  closing.add(() => database.close());
  await database.clock.read();
  const build = (await service.load()) as (deps: ServiceDeps) => BuiltService | Promise<BuiltService>;
  const nats = config.natsUrl && (await openNats(config.natsUrl, to, log));
  if (nats) closing.add(() => nats.bus.close());
  const built = await build({ database, config, to: nats ? nats.to : to, log, metrics });
  const { events, followers = [], close } = built;
  if (close) closing.add(close);
  const mounted = events ? [...built.mounted, events.mounted] : built.mounted;
  assertServes(service.name, service.contract, mounted);
  const relay = nats && events ? [await events.relay(nats.bus)] : [];
  const clock = every('read clock', clockEvery, database.clock.read);
  const running = startWork([clock, ...(built.work ?? []), ...(events?.work ?? []), ...relay], { log, metrics });
  closing.add(() => running.close());
  const heard = { ...built.heard, ...events?.heard };
  if (Object.keys(heard).length > 0) {
    const applicationName = `signet-${service.name}-listen`;
    const notifications = listen({ url: directUrl(config), applicationName, heard, log });
    closing.add(() => notifications.close());
  }
  if (events) closing.add(() => events.close());
  for (const follower of followers) closing.add(() => follower.close());
  const obstacle = () => guard.obstacle() ?? (followers.every((one) => one.isReady()) ? undefined : 'events');
  const app = createService({
    mounted,
    checks: [connectGate(guard)],
    guard,
    ready: async () => obstacle() ?? ((await database.writable()) ? undefined : 'database'),
    draining: closing.draining,
    streams: { total: config.streamLimit, perAddress: config.streamLimitAddress },
    reflection: config.environment !== 'production',
    log,
    metrics,
  });
  const { connectionLimit: total, connectionLimitAddress: perAddress } = config;
  const options = {
    host: config.host,
    port: config.port,
    connections: createConnectionLimit({ total, perAddress }, log),
  };
  const server = await onPort(config.port, service.ports.grpc.env, () => serveGrpc(app, options));
  closing.add(() => server.close());
  closing.keepOpen(config.drainDelay);
  return { app, port: server.port };
}

/** Opens NATS, and returns transports whose streams of events come from it. Its client is loaded only here. */
async function openNats(
  url: Secret,
  to: Host['to'],
  log: Log,
): Promise<{ readonly bus: Bus; readonly to: Host['to'] }> {
  const [{ openBus }, { overBus }] = await Promise.all([
    import('#kit/events/nats/bus.ts'),
    import('#kit/events/nats/source.ts'),
  ]);
  const bus = openBus(url, log);
  return { bus, to: (called) => overBus(to(called), bus, called) };
}

/** Runs a service of the registry in its own process. */
export function runService(service: DomainService): Promise<void> {
  const { name, calls, keys, ports } = service;
  return runProcess(async (closing) => {
    const environment = readEnvironment();
    const config = readConfig(keys, environmentFor(name, environment));
    const log = processLog(config).child({ service: name });
    const metrics = (await openTelemetry(config, name, log, closing)).of(name);
    await prepareDatabase(name, config, environment, log);
    const auth = linkToAuth(name, { ...config, authTarget: targetOf(config, 'auth') }, calls['auth'] ?? []);
    closing.add(() => auth.close());
    const guard = guardFor(config, { keys: jwksFor(config), revocations: auth.revocations, metrics, log });
    closing.add(() => guard.close());
    const to = channelsTo(calls, config, auth, closing);
    await guardSoon(guard);
    const { port } = await openService(service, { config, guard, to, log, metrics, closing });
    return { ports: { [ports.grpc.env]: port }, serving: logWhenReady(guard, name, { port }, log) };
  });
}
