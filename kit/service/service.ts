import type { DescService } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { type Config, key, type Key, type Keys } from '#kit/config/config.ts';
import {
  databaseKeys,
  jwksKeys,
  limitKeys,
  processKeys,
  serviceKeys,
  telemetryKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { port } from '#kit/config/types.ts';
import type { Database } from '#kit/db/database.ts';
import type { Log } from '#kit/log/log.ts';
import type { Mounted } from '#kit/call/app.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import type { Work } from '#kit/work/work.ts';

/** Protobuf services that a service calls, by the name of the service that has them. */
export type Calls = Readonly<Record<string, readonly DescService[]>>;

/** What everything that runs, reaches or describes a service knows of it. Data: it opens and loads nothing. */
export interface AnyService {
  /** Its folder in services/ and prisma/, its PostgreSQL schema, its name as a caller. Lower case. */
  readonly name: string;
  /** The keys that set its ports: `grpc` for other services, `door` for HTTP and everything else. */
  readonly ports: { readonly grpc?: Key<number>; readonly door?: Key<number> };
  /** The protobuf services that it serves. */
  readonly contract: readonly DescService[];
  readonly calls: Calls;
  /** All keys that it reads, those of its ports included. */
  readonly keys: Keys;
}

/** The keys that every domain service reads, besides its own. */
const standardKeys = {
  ...processKeys,
  ...limitKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...serviceKeys,
  ...databaseKeys,
};

type StandardKeys = typeof standardKeys & { readonly port: Key<number> };

/** A service with data of its own behind a gRPC port: all of them but auth and the edge. */
export interface DomainService<C extends Calls = Calls, K extends Keys = Keys> extends AnyService {
  readonly ports: { readonly grpc: Key<number> };
  readonly calls: C;
  readonly keys: StandardKeys & K;
  /** Loads the wiring, with all that it imports. Only the process that runs the service does. */
  readonly load: () => Promise<Build>;
}

/** What a service's `build` is given; `ServiceDeps<typeof ride>`. */
export interface ServiceDeps<S extends DomainService = DomainService> {
  readonly database: Database;
  readonly config: Config<S['keys']>;
  /** To another service, one of `calls`, with this service's own token. */
  readonly to: (service: Extract<keyof S['calls'], string>) => Transport;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}

/** A service that is wired. */
export interface BuiltService {
  readonly mounted: readonly Mounted[];
  /** What goes on without a caller. */
  readonly work?: readonly Work[];
}

/** A service's `build`. What it takes is known where it is called, by the definition that it belongs to. */
export type Build = (deps: never) => BuiltService | Promise<BuiltService>;

/**
 * Defines a domain service. Its keys for reaching others are added in the registry, which knows their ports.
 * @throws Error where a key of its own has the name of one that every service has
 */
export function defineService<
  const C extends Calls = Readonly<Record<'auth', readonly DescService[]>>,
  const K extends Keys = Readonly<Record<'port', Key<number>>>,
>(definition: {
  readonly name: string;
  /** Default gRPC port. */
  readonly port: number;
  readonly contract: readonly DescService[];
  readonly calls?: C;
  /** Keys of its own. */
  readonly keys?: K;
  readonly load: () => Promise<Build>;
}): DomainService<C, K> {
  const { name, contract, calls, keys, load } = definition;
  const grpc = key(`SIGNET_${envName(name)}_PORT`, port, {
    default: String(definition.port),
    doc: `gRPC port of the ${name} service.`,
  });
  const standard = { ...standardKeys, port: grpc };
  const standardNames = new Set(Object.values(standard).map(({ env }) => env));
  for (const [id, { env }] of Object.entries<Key>(keys ?? {})) {
    if (Object.hasOwn(standard, id) || standardNames.has(env)) {
      throw new Error(`services/${name}: every service has the key ${id} (${env}) already`);
    }
  }
  return {
    name,
    ports: { grpc },
    contract,
    // Every service proves to auth who it is, and hears of revocations there.
    calls: { auth: [], ...calls } as unknown as C,
    keys: { ...standard, ...keys } as StandardKeys & K,
    load,
  };
}

/** A service's name, as it stands in environment variables. */
export function envName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

/** Tells domain services from auth and the edge, which are wired by hand. */
export function isDomainService(service: AnyService): service is DomainService {
  return 'load' in service;
}
