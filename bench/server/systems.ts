import { generateServiceKey } from '#kit/identity/service-key.ts';
import type { AnyService } from '#kit/service/service.ts';
import { environmentOf, withKeyPairs } from '../../services/fleet/environment.ts';
import { serviceNames, services } from '../../services/registry.ts';
import { type Child, startChild } from './child.ts';
import { freePorts, reach } from './reach.ts';

/** Signet under load: its processes and addresses. */
export interface System {
  readonly processes: readonly Child[];
  /** Origin of the edge. */
  readonly edge: string;
  /** host:port of the user service. */
  readonly user: string;
  /** host:port of the auth service, for services. */
  readonly auth: string;
  /** Origin of the auth service's HTTP port. */
  readonly authUrl: string;
  stop(): Promise<void>;
}

/** Folder and environment of a start. */
export interface Place {
  /** An empty folder for the data of the processes. */
  readonly dir: string;
  /** DATABASE_URL, SIGNET_MASTER_KEY and further variables. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A production configuration without the rate limit, because the load comes from one address. */
const common = {
  NODE_ENV: 'production',
  SIGNET_LOG_FORMAT: 'json',
  SIGNET_RATE_LIMIT: '0',
  SIGNET_RATE_LIMIT_USER: '0',
};

/** A port for each key that sets one. */
async function choosePorts(): Promise<ReadonlyMap<string, number>> {
  const keys = Object.values<AnyService>(services).flatMap(({ ports }) => Object.values(ports));
  const free = await freePorts(keys.length);
  return new Map(keys.map(({ env }, index) => [env, free[index] ?? 0]));
}

function reachedAt(ports: ReadonlyMap<string, number>, processes: readonly Child[]): System {
  const { auth, user, edge } = services;
  const at = (env: string) => `127.0.0.1:${ports.get(env)}`;
  return {
    processes,
    edge: `http://${at(edge.ports.door.env)}`,
    user: at(user.ports.grpc.env),
    auth: at(auth.ports.grpc.env),
    authUrl: `http://${at(auth.ports.door.env)}`,
    async stop() {
      for (const child of processes) await child.stop();
    },
  };
}

/** All services in one process, as `npm start` runs them, on the given database. */
export async function startAll(place: Place, logLevel: string): Promise<System> {
  const ports = await choosePorts();
  const child = startChild({
    name: 'all',
    file: 'services/all/main.ts',
    cwd: place.dir,
    environment: {
      ...common,
      ...place.environment,
      ...textOf(ports),
      SIGNET_DATA_DIR: 'all',
      SIGNET_LOG_LEVEL: logLevel,
      SIGNET_METRICS_PORT: '0',
    },
  });
  // The edge opens last.
  await reach(child, ports.get(services.edge.ports.door.env) ?? 0);
  return reachedAt(ports, [child]);
}

/** Each service in its own process, as Docker Compose runs them. */
export async function startFleet(place: Place, logLevel: string): Promise<System> {
  const ports = await choosePorts();
  const named = serviceNames.filter((name) => name !== services.auth.name);
  const pairs = Object.fromEntries(named.map((name) => [name, generateServiceKey()]));
  const given = { ...common, ...place.environment, ...textOf(ports), SIGNET_LOG_LEVEL: logLevel };
  const environment = withKeyPairs(given, pairs);
  const portOf = async (env: string) => ports.get(env) ?? Number.NaN;
  const started: Child[] = [];
  for (const name of serviceNames) {
    const { SIGNET_METRICS_PORT: _, ...own } = await environmentOf(name, environment, {
      pairs,
      portOf,
      metricsPort: 0,
    });
    const child = startChild({ name, file: `services/${name}/main.ts`, environment: own, cwd: place.dir });
    const { grpc, door }: AnyService['ports'] = services[name].ports;
    await reach(child, ports.get((grpc ?? door)?.env ?? '') ?? 0);
    started.unshift(child);
  }
  return reachedAt(ports, started);
}

function textOf(ports: ReadonlyMap<string, number>): Record<string, string> {
  return Object.fromEntries([...ports].map(([env, port]) => [env, String(port)]));
}

/** Starts a server of bench/compare on a free port. */
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
