import { generateServiceKey } from '#kit/rpc/service-key.ts';
import { type Child, startChild } from './child.ts';
import { freePorts, reach } from './reach.ts';

/** Signet under load: its processes and where to ask them. */
export interface System {
  readonly processes: readonly Child[];
  /** Origin of the edge. */
  readonly edge: string;
  /** host:port of the user service. */
  readonly user: string;
  /** host:port of the auth service, for services. */
  readonly auth: string;
  /** Origin of the auth service's own door. */
  readonly authUrl: string;
  stop(): Promise<void>;
}

/** What every start needs. */
export interface Place {
  /** An empty folder for what processes keep. */
  readonly dir: string;
  /** DATABASE_URL, SIGNET_MASTER_KEY and what else is to be set. */
  readonly environment: Readonly<Record<string, string>>;
}

/** As an operator would run it; limits are off because the load comes from one address. */
const common = { NODE_ENV: 'production', SIGNET_LOG_FORMAT: 'json', SIGNET_RATE_LIMIT: '0' };

/** All services in one process, as `npm start` runs them, on the given database. */
export async function startAll(place: Place, logLevel: string): Promise<System> {
  const [edge = 0, auth = 0, grpc = 0, user = 0] = await freePorts(4);
  const child = startChild({
    name: 'all',
    file: 'services/all/main.ts',
    cwd: place.dir,
    environment: {
      ...common,
      ...place.environment,
      SIGNET_DATA_DIR: 'all',
      SIGNET_LOG_LEVEL: logLevel,
      SIGNET_EDGE_PORT: String(edge),
      SIGNET_AUTH_PORT: String(auth),
      SIGNET_AUTH_GRPC_PORT: String(grpc),
      SIGNET_USER_PORT: String(user),
      SIGNET_METRICS_PORT: '0',
    },
  });
  // The edge is what opens last.
  await reach(child, edge);
  return {
    processes: [child],
    edge: `http://127.0.0.1:${edge}`,
    user: `127.0.0.1:${user}`,
    auth: `127.0.0.1:${grpc}`,
    authUrl: `http://127.0.0.1:${auth}`,
    stop: () => child.stop(),
  };
}

/** Auth, user and edge, each a process, as Docker Compose runs them. */
export async function startFleet(place: Place, logLevel: string): Promise<System> {
  const [edgePort = 0, authPort = 0, grpcPort = 0, userPort = 0] = await freePorts(4);
  const keys = { user: generateServiceKey(), edge: generateServiceKey() };
  const environment = {
    ...common,
    ...place.environment,
    SIGNET_SERVICES: `user=${keys.user.publicKey},edge=${keys.edge.publicKey}`,
    SIGNET_LOG_LEVEL: logLevel,
    SIGNET_EDGE_PORT: String(edgePort),
    SIGNET_AUTH_PORT: String(authPort),
    SIGNET_AUTH_GRPC_PORT: String(grpcPort),
    SIGNET_USER_PORT: String(userPort),
    SIGNET_JWKS_URL: `http://127.0.0.1:${authPort}/.well-known/jwks.json`,
    SIGNET_AUTH_TARGET: `127.0.0.1:${grpcPort}`,
    SIGNET_USER_TARGET: `127.0.0.1:${userPort}`,
  };
  const start = async (name: string, port: number, own: Readonly<Record<string, string>> = {}) => {
    const file = `services/${name}/main.ts`;
    const child = startChild({ name, file, environment: { ...environment, ...own }, cwd: place.dir });
    await reach(child, port);
    return child;
  };
  const auth = await start('auth', grpcPort);
  const user = await start('user', userPort, { SIGNET_SERVICE_KEY: keys.user.key.reveal() });
  const edge = await start('edge', edgePort, { SIGNET_SERVICE_KEY: keys.edge.key.reveal() });
  return {
    processes: [edge, user, auth],
    edge: `http://127.0.0.1:${edgePort}`,
    user: `127.0.0.1:${userPort}`,
    auth: `127.0.0.1:${grpcPort}`,
    authUrl: `http://127.0.0.1:${authPort}`,
    async stop() {
      for (const child of [edge, user, auth]) await child.stop();
    },
  };
}

/** A server of bench/compare on a port of its own. */
export async function startCompared(
  place: Place,
  name: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ child: Child; address: string }> {
  const [port = 0] = await freePorts(1);
  const child = startChild({
    name,
    file: `bench/compare/${name}.ts`,
    cwd: place.dir,
    environment: { NODE_ENV: 'production', ...place.environment, ...environment, PORT: String(port) },
  });
  await reach(child, port);
  return { child, address: `127.0.0.1:${port}` };
}
