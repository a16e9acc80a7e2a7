import { type Config, type Environment, type Keys, readConfigs } from '#kit/config/config.ts';
import { oneOf } from '#kit/config/types.ts';
import { poolOptions } from '#kit/db/configured.ts';
import { openDatabase } from '#kit/db/database.ts';
import { failure } from '#kit/errors/failure.ts';
import type { Algorithm } from '#kit/guard/algorithms.ts';
import { asService } from '#kit/guard/as-service.ts';
import { createServiceIdentity } from '#kit/guard/service-identity.ts';
import type { Log } from '#kit/log/log.ts';
import type { AdminNotice } from '#kit/process/admin-notice.ts';
import type { Closing } from '#kit/process/run.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { guardFor } from '#kit/identity/guard-for.ts';
import { createInProcessTransport } from '#kit/transport/in-process.ts';
import { generateServiceKey, publicServiceKey, type ServiceKeyPair } from '#kit/identity/service-key.ts';
import { openService } from '#kit/service/open.ts';
import { environmentFor } from '#kit/service/registry.ts';
import { createMetrics, type Metrics } from '#kit/telemetry/metrics.ts';
import { buildAuth } from '../auth/build.ts';
import { openAuth } from '../auth/open.ts';
import { buildEdge } from '../edge/build.ts';
import { openEdge } from '../edge/open.ts';
import { upstreamsOf } from '../edge/upstream.ts';
import { poolTogether } from './config.ts';
import { domainServices, type ServiceName, serviceNames, services } from '../registry.ts';

/** Configuration of a service in the shared process. HS256 is allowed, because one process signs and verifies. */
type Together<K extends Keys> = Omit<Config<K>, 'alg' | 'serviceKey'> & { readonly alg: Algorithm };

/** The configurations of all services. */
export type Configs = { readonly [N in ServiceName]: Together<(typeof services)[N]['keys']> };

/** All services, open in this process. */
export interface All {
  /** The port that a key set. */
  port(env: string): number;
}

/** Options of `openAll`. */
export interface OpenOptions {
  readonly metrics?: Metrics;
  /** The services to open (`withCalled`); all services by default. The others are unavailable. */
  readonly only?: readonly ServiceName[];
}

/** Reads the configurations of all services. @throws ConfigError naming all invalid keys */
export function readAll(environment: Environment): Configs {
  const keys = Object.values(services).map(({ name, keys: own }) => [name, together(own)] as const);
  return readConfigs(Object.fromEntries(keys), (name) => environmentFor(name, environment)) as unknown as Configs;
}

/** The keys of a service in the shared process: HS256 is allowed, the service key is generated, and pools are small. */
function together(keys: Keys): Keys {
  const { alg, serviceKey, databasePool } = keys;
  return {
    ...keys,
    ...(alg ? { alg: { ...alg, schema: oneOf('RS256', 'PS256', 'ES256', 'EdDSA', 'HS256') } } : {}),
    ...(databasePool ? { databasePool: { ...databasePool, default: String(poolTogether) } } : {}),
    ...(serviceKey ? { serviceKey: { ...serviceKey, optional: true } } : {}),
  };
}

/**
 * Opens all services in this process, on migrated databases. Each listens on its
 * own port; calls between them skip only the network. The first admin exists
 * before the first port opens.
 * @throws FirstAdminError if the first admin cannot be created as configured
 */
export async function openAll(
  configs: Configs,
  log: Log,
  closing: Closing,
  notice: Pick<AdminNotice, 'take'>,
  { metrics = createMetrics(), only = serviceNames }: OpenOptions = {},
): Promise<All> {
  const logOf = (name: string) => log.child({ service: name });
  const ports = new Map<string, number>();
  const apps = new Map<string, RpcApp>();

  // Services authenticate to each other as over the network, with keys generated for this run. One that runs elsewhere has
  // its key in SIGNET_SERVICES.
  const pairs = new Map<string, ServiceKeyPair>(only.map((name) => [name, generateServiceKey()]));
  const known = [...pairs].map(([name, { publicKey }]) => ({
    name,
    publicKey: publicServiceKey(publicKey),
    roles: [],
  }));

  const authLog = logOf('auth');
  const authMetrics = metrics.of('auth');
  const database = openDatabase({
    ...poolOptions(configs.auth),
    applicationName: 'signet-auth',
    log: authLog,
    metrics: authMetrics,
  });
  closing.add(() => database.close());
  const { draining } = closing;
  const auth = await buildAuth({
    config: configs.auth,
    database,
    services: known,
    log: authLog,
    metrics: authMetrics,
    draining,
  });
  closing.add(() => auth.close());
  notice.take(await auth.ensureFirstAdmin());
  apps.set('auth', auth.app);
  const { door, grpc } = await openAuth(auth, configs.auth, authMetrics, closing);
  ports.set(services.auth.ports.door.env, door.port).set(services.auth.ports.grpc.env, grpc.port);

  const identityOf = (name: string) =>
    createServiceIdentity({
      name,
      key: pairs.get(name)!.key,
      issuer: configs.auth.issuer,
      transport: createInProcessTransport(auth.app),
    });
  /** Transports from a service to others, which may open later. */
  const transportsFrom = (name: string) => {
    const identity = identityOf(name);
    return (called: string) => {
      const app = () => appOf(called);
      return asService(createInProcessTransport(app), identity);
    };
  };
  function appOf(name: string): RpcApp {
    const app = apps.get(name);
    if (!app) throw failure('SERVICE_UNAVAILABLE');
    return app;
  }
  const fromEdge = transportsFrom('edge');
  // Each service has its own guard, as in a separate process; they share the revocations.
  const { revocations } = auth;
  const guardOf = (name: ServiceName) => {
    const guard = guardFor(configs[name], {
      keys: auth.keys(),
      revocations,
      metrics: metrics.of(name),
      log: logOf(name),
    });
    closing.add(() => guard.close());
    return guard;
  };

  for (const service of domainServices.filter(({ name }) => only.includes(name as ServiceName))) {
    const name = service.name as ServiceName;
    const { app, port } = await openService(service, {
      config: configs[name] as unknown as Parameters<typeof openService>[1]['config'],
      guard: guardOf(name),
      to: transportsFrom(name),
      log: logOf(name),
      metrics: metrics.of(name),
      closing,
    });
    apps.set(name, app);
    ports.set(service.ports.grpc.env, port);
  }

  const guard = guardOf('edge');
  const edgeMetrics = metrics.of('edge');
  const edge = await buildEdge({
    config: configs.edge,
    guard,
    upstreams: upstreamsOf(services.edge.calls, fromEdge),
    log: logOf('edge'),
    metrics: edgeMetrics,
    draining,
  });
  await guard.ready();
  const { port } = await openEdge(edge, configs.edge, edgeMetrics, closing);
  ports.set(services.edge.ports.door.env, port);
  return {
    port(env) {
      const opened = ports.get(env);
      if (opened === undefined) throw new Error(`no service has opened the port of ${env}`);
      return opened;
    },
  };
}
