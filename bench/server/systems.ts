import path from 'node:path';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { targetEnv } from '#kit/service/registry.ts';
import type { AnyService } from '#kit/service/service.ts';
import { services } from '../../services/registry.ts';
import { type Child, startChild } from './child.ts';
import { freePorts, reach } from './reach.ts';
import { servicesOf, type Tree } from './tree.ts';

/** Signet under load: its processes and addresses. */
export interface System {
  readonly processes: readonly Child[];
  readonly place: Place;
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

/** Folder, database and environment of a start. */
export interface Place {
  /** An empty folder for the data of the processes. */
  readonly dir: string;
  /** Name of its database. */
  readonly database: string;
  /** DATABASE_URL, SIGNET_MASTER_KEY and further variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** The tree whose services start. */
  readonly tree: Tree;
}

/** A production configuration without the rate limit, because the load comes from one address. */
const common = {
  NODE_ENV: 'production',
  SIGNET_LOG_FORMAT: 'json',
  SIGNET_RATE_LIMIT: '0',
  SIGNET_RATE_LIMIT_USER: '0',
};

const all: Readonly<Record<string, AnyService>> = services;

/** The keys of ports, as the environment sets them. */
type Ports = Readonly<Record<string, string>>;

/** Sets each key of a port to a free one. */
export async function choosePorts(): Promise<Ports> {
  const keys = Object.values(all).flatMap(({ ports }) => Object.values(ports));
  const free = await freePorts(keys.length);
  return Object.fromEntries(keys.map(({ env }, index) => [env, String(free[index])]));
}

function reachedAt(place: Place, ports: Ports, processes: readonly Child[]): System {
  const { auth, user, edge } = services;
  const at = (env: string) => `127.0.0.1:${ports[env]}`;
  return {
    processes,
    place,
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
    tree: place.tree,
    file: 'services/all/main.ts',
    cwd: place.dir,
    environment: {
      ...common,
      ...ports,
      SIGNET_DATA_DIR: 'all',
      SIGNET_LOG_LEVEL: logLevel,
      SIGNET_METRICS_PORT: '0',
      ...place.environment,
    },
  });
  // The edge opens last.
  await reach(child, Number(ports[services.edge.ports.door.env]));
  return reachedAt(place, ports, [child]);
}

/** Each service in its own process, as Docker Compose runs them. */
export async function startFleet(place: Place, logLevel: string): Promise<System> {
  const ports = await choosePorts();
  const names = servicesOf(place.tree);
  const pairs = new Map(names.filter((name) => name !== 'auth').map((name) => [name, generateServiceKey()]));
  const at = (env: string) => `127.0.0.1:${ports[env]}`;
  const targets = names.flatMap((name) => {
    const { grpc } = all[name]?.ports ?? {};
    return grpc ? [[targetEnv(name), at(grpc.env)] as const] : [];
  });
  // Every process gets all addresses: those of another tree read other ones.
  const environment = {
    ...common,
    ...ports,
    ...Object.fromEntries(targets),
    SIGNET_JWKS_URL: `http://${at(services.auth.ports.door.env)}/.well-known/jwks.json`,
    SIGNET_SERVICES: [...pairs].map(([name, { publicKey }]) => `${name}=${publicKey}`).join(','),
    SIGNET_LOG_LEVEL: logLevel,
    ...place.environment,
  };
  const started: Child[] = [];
  for (const name of names) {
    const key = pairs.get(name)?.key.reveal();
    const child = startChild({
      name,
      tree: place.tree,
      file: `services/${name}/main.ts`,
      environment: { ...environment, ...(key !== undefined && { SIGNET_SERVICE_KEY: key }) },
      cwd: place.dir,
    });
    const { grpc, door }: AnyService['ports'] = all[name]?.ports ?? {};
    await reach(child, Number(ports[(grpc ?? door)?.env ?? '']));
    started.unshift(child);
  }
  return reachedAt(place, ports, started);
}

/** Starts a server that Signet is compared with, on a free port. @param file path from the project's folder */
export async function startCompared(
  file: string,
  environment: Readonly<Record<string, string>>,
  dir: string,
): Promise<{ child: Child; origin: string; address: string }> {
  const [port = 0] = await freePorts(1);
  const child = startChild({
    name: path.basename(file, path.extname(file)),
    file,
    cwd: dir,
    environment: { NODE_ENV: 'production', ...environment, PORT: String(port) },
  });
  await reach(child, port);
  return { child, origin: `http://127.0.0.1:${port}`, address: `127.0.0.1:${port}` };
}
