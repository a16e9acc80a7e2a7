import { AuthService } from '#gen/proto/signet/auth/v1/auth_service_pb.ts';
import { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { type Environment, readConfigs } from '#kit/config/config.ts';
import { openDatabase } from '#kit/db/database.ts';
import { migrate, migrationsOf } from '#kit/db/migrate.ts';
import type { Door } from '#kit/door/door.ts';
import type { Log } from '#kit/log/log.ts';
import type { Closing } from '#kit/process/run.ts';
import type { GrpcServer } from '#kit/rpc/grpc-server.ts';
import { guardFor } from '#kit/rpc/guard-for.ts';
import { createInProcessTransport } from '#kit/rpc/in-process.ts';
import { type Auth, buildAuth } from '../auth/build.ts';
import { keys as authKeys } from '../auth/config.ts';
import { openAuth } from '../auth/open.ts';
import { buildEdge } from '../edge/build.ts';
import { keys as edgeKeys } from '../edge/config.ts';
import { openEdge } from '../edge/open.ts';
import { buildUser } from '../user/build.ts';
import { keys as userKeys } from '../user/config.ts';
import { openUser } from '../user/open.ts';
import { keys as allKeys } from './config.ts';

const services = { auth: authKeys, user: userKeys, edge: edgeKeys };

/** The configurations of all services. */
export type Configs = ReturnType<typeof readAll>;

/** All services, open in this process. */
export interface All {
  readonly edge: Door;
  readonly auth: {
    readonly door: Door;
    readonly grpc: GrpcServer;
    readonly ensureFirstAdmin: Auth['ensureFirstAdmin'];
  };
  readonly user: GrpcServer;
}

/** Reads the configurations of all services. @throws ConfigError naming every bad key at once */
export function readAll(environment: Environment) {
  return readConfigs(services, environment);
}

/** Keys of ours in an environment that no service has: misspelt, most likely. */
export function unknownKeys(environment: Environment): string[] {
  const known = new Set(
    [allKeys, ...Object.values(services)].flatMap((keys) => Object.values(keys).map(({ env }) => env)),
  );
  return Object.keys(environment).filter((name) => name.startsWith('SIGNET_') && !known.has(name));
}

/** Brings the database of every service up to date. */
export async function migrateAll({ auth, user }: Configs, log: Log): Promise<string[]> {
  const done: string[] = [];
  for (const [service, { databaseUrl }] of Object.entries({ auth, user })) {
    const { applied } = await migrate({ url: databaseUrl, ...migrationsOf(service), log });
    done.push(...applied.map((name) => `${service}/${name}`));
  }
  return done;
}

/**
 * Opens all services in this process, on migrated databases. Each also listens on
 * its own port; among themselves they skip the wire and nothing else.
 */
export async function openAll(configs: Configs, log: Log, closing: Closing): Promise<All> {
  const logs = {
    auth: log.child({ service: 'auth' }),
    user: log.child({ service: 'user' }),
    edge: log.child({ service: 'edge' }),
  };
  const database = (name: 'auth' | 'user') => {
    const opened = openDatabase({ url: configs[name].databaseUrl, applicationName: `signet-${name}`, log: logs[name] });
    closing.add(() => opened.close());
    return opened;
  };

  const auth = await buildAuth({ config: configs.auth, database: database('auth'), log: logs.auth });
  closing.add(() => auth.close());
  const { door, grpc } = await openAuth(auth, configs.auth, closing);

  const guard = guardFor(configs.edge, { keys: auth.keys() });
  closing.add(() => guard.close());

  const user = buildUser({
    config: configs.user,
    database: database('user'),
    guard,
    auth: createInProcessTransport(auth.app),
    log: logs.user,
  });
  const userServer = await openUser(user, configs.user, closing);

  const edge = buildEdge({
    config: configs.edge,
    guard,
    upstreams: [
      { desc: AuthService, transport: createInProcessTransport(auth.app) },
      { desc: UserService, transport: createInProcessTransport(user.app) },
    ],
    log: logs.edge,
  });
  await guard.ready();
  const edgeDoor = await openEdge(edge, configs.edge, closing);
  return { edge: edgeDoor, auth: { door, grpc, ensureFirstAdmin: auth.ensureFirstAdmin }, user: userServer };
}
