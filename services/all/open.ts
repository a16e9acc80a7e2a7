import { type Environment, readConfigs } from '#kit/config/config.ts';
import { oneOf } from '#kit/config/types.ts';
import { openDatabase } from '#kit/db/database.ts';
import type { Door } from '#kit/door/door.ts';
import { watchRevocations } from '#kit/guard/revocation-feed.ts';
import type { Log } from '#kit/log/log.ts';
import type { Closing } from '#kit/process/run.ts';
import type { RpcApp } from '#kit/rpc/app.ts';
import { asService } from '#kit/guard/as-service.ts';
import type { GrpcServer } from '#kit/rpc/grpc-server.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import { createInProcessTransport } from '#kit/rpc/in-process.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import { generateServiceKey, publicServiceKey } from '#kit/rpc/service-key.ts';
import { createMetrics, type Metrics } from '#kit/telemetry/metrics.ts';
import { buildAuth } from '../auth/build.ts';
import type { AdminNotice } from '#kit/process/admin-notice.ts';
import { openAuth } from '../auth/open.ts';
import { buildEdge } from '../edge/build.ts';
import { openEdge } from '../edge/open.ts';
import { exposed } from '../edge/services.ts';
import { buildUser } from '../user/build.ts';
import { openUser } from '../user/open.ts';
import { services } from './services.ts';

// Among themselves they make their own keys, and what signs and verifies in one process may use a shared secret.
const inOneProcess = {
  alg: { ...services.auth.alg, schema: oneOf('RS256', 'PS256', 'ES256', 'EdDSA', 'HS256') },
} as const;
const serviceKey = { ...services.user.serviceKey, optional: true } as const;
const together = {
  auth: { ...services.auth, ...inOneProcess },
  user: { ...services.user, ...inOneProcess, serviceKey },
  edge: { ...services.edge, ...inOneProcess, serviceKey },
};

/** The configurations of all services. */
export type Configs = ReturnType<typeof readAll>;

/** All services, open in this process. */
export interface All {
  readonly edge: Door;
  readonly auth: {
    readonly door: Door;
    readonly grpc: GrpcServer;
  };
  readonly user: GrpcServer;
}

/** Reads the configurations of all services. @throws ConfigError naming every bad key at once */
export function readAll(environment: Environment) {
  return readConfigs(together, environment);
}

/**
 * Opens all services in this process, on migrated databases. Each also listens on
 * its own port; among themselves they skip the wire and nothing else. The first
 * admin exists before the first port opens.
 * @throws FirstAdminError where the first admin cannot be made as configured
 */
export async function openAll(
  configs: Configs,
  log: Log,
  closing: Closing,
  notice: Pick<AdminNotice, 'take'>,
  metrics: Metrics = createMetrics(),
): Promise<All> {
  const logs = {
    auth: log.child({ service: 'auth' }),
    user: log.child({ service: 'user' }),
    edge: log.child({ service: 'edge' }),
  };
  const database = (name: 'auth' | 'user') => {
    const opened = openDatabase({
      url: configs[name].databaseUrl,
      applicationName: `signet-${name}`,
      log: logs[name],
      metrics: metrics.of(name),
    });
    closing.add(() => opened.close());
    return opened;
  };

  // Each service proves who it is, as it would over the wire; the keys are for this run alone.
  const pairs = { user: generateServiceKey(), edge: generateServiceKey() };
  const known = Object.entries(pairs).map(([name, { publicKey }]) => ({
    name,
    publicKey: publicServiceKey(publicKey),
    roles: [],
  }));
  const auth = await buildAuth({
    config: configs.auth,
    database: database('auth'),
    services: known,
    log: logs.auth,
    metrics: metrics.of('auth'),
  });
  closing.add(() => auth.close());
  notice.take(await auth.ensureFirstAdmin());
  const { door, grpc } = await openAuth(auth, configs.auth, closing);

  const transportFor = (name: keyof typeof pairs, app: RpcApp) => {
    const { key } = pairs[name];
    const { issuer } = configs.auth;
    const identity = createServiceIdentity({ name, key, issuer, transport: createInProcessTransport(auth.app) });
    return asService(createInProcessTransport(app), identity);
  };
  // Each has a guard of its own, as in a process of its own; what they know is the same.
  const revocations = watchRevocations({ transport: transportFor('edge', auth.app) });
  const guardOf = (name: 'user' | 'edge') => {
    const guard = guardFor(configs[name], {
      keys: auth.keys(),
      revocations,
      metrics: metrics.of(name),
      log: logs[name],
    });
    closing.add(() => guard.close());
    return guard;
  };

  const user = buildUser({
    config: configs.user,
    database: database('user'),
    guard: guardOf('user'),
    auth: transportFor('user', auth.app),
    log: logs.user,
    metrics: metrics.of('user'),
  });
  closing.add(() => user.close());
  const userServer = await openUser(user, configs.user, closing);

  const [toAuth, toUser] = [transportFor('edge', auth.app), transportFor('edge', user.app)];
  const guard = guardOf('edge');
  const edge = buildEdge({
    config: configs.edge,
    guard,
    upstreams: [
      ...exposed.auth.map((desc) => ({ desc, transport: toAuth })),
      ...exposed.user.map((desc) => ({ desc, transport: toUser })),
    ],
    log: logs.edge,
    metrics: metrics.of('edge'),
  });
  await guard.ready();
  const edgeDoor = await openEdge(edge, configs.edge, closing);
  return { edge: edgeDoor, auth: { door, grpc }, user: userServer };
}
