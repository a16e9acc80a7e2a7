import type { DescMessage, DescService } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { type Config, key, type Key, type Keys } from '#kit/config/config.ts';
import {
  busKeys,
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
import type { Follower } from '#kit/events/follow.ts';
import type { EventProducer } from '#kit/events/serve.ts';
import type { Log } from '#kit/log/log.ts';
import type { Secret } from '#kit/log/secret.ts';
import type { Mounted } from '#kit/call/app.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import type { Work } from '#kit/work/work.ts';

/** Protobuf services that a service calls, by the name of the service that serves them. */
export type Calls = Readonly<Record<string, readonly DescService[]>>;

/** The payload messages of the events that a service consumes, by the name of the producing service. */
export type Consumes = Readonly<Record<string, readonly DescMessage[]>>;

/** A schema of a service beside the one of its migrations. */
export interface OtherSchema {
  readonly name: string;
  /** Creates or updates it, with a user who may. The service does so itself unless SIGNET_MIGRATE is off. */
  readonly create: (url: Secret) => Promise<void>;
}

/** Definition of a service. It is plain data: it opens and loads nothing. */
export interface AnyService {
  /** Name of its folder in services/ and prisma/, its PostgreSQL schema, and its name as a caller. Lower case. */
  readonly name: string;
  /** Keys of its ports: `grpc` for other services, `door` for all other clients. */
  readonly ports: { readonly grpc?: Key<number>; readonly door?: Key<number> };
  /** Protobuf services that it serves. Every producer of events serves EventService. */
  readonly contract: readonly DescService[];
  readonly calls: Calls;
  /** The payload messages of the events that it produces (kit/events). */
  readonly produces?: readonly DescMessage[];
  /** The payload messages of the events that it consumes. It calls EventService of each named service. */
  readonly consumes?: Consumes;
  /** Its schemas beside the one of its migrations. Their `create` loads what it needs when it is called. */
  readonly otherSchemas?: readonly OtherSchema[];
  /** All of its configuration keys, including those of its ports. */
  readonly keys: Keys;
}

/** Configuration keys of every domain service. */
const standardKeys = {
  ...processKeys,
  ...limitKeys,
  ...telemetryKeys,
  ...tokenKeys,
  ...jwksKeys,
  ...serviceKeys,
  ...databaseKeys,
  ...busKeys,
};

type StandardKeys = typeof standardKeys & { readonly port: Key<number> };

/** A service with its own data behind a gRPC port: all services except auth and the edge. */
export interface DomainService<
  C extends Calls = Calls,
  K extends Keys = Keys,
  E extends Consumes = Consumes,
> extends AnyService {
  readonly ports: { readonly grpc: Key<number> };
  readonly calls: C;
  readonly produces: readonly DescMessage[];
  readonly consumes: E;
  readonly keys: StandardKeys & K;
  /** Imports the service's `build`. Only the process that runs the service calls it. */
  readonly load: () => Promise<Build>;
}

/** Dependencies passed to a service's `build`: `ServiceDeps<typeof ride>`. */
export interface ServiceDeps<S extends DomainService = DomainService> {
  readonly database: Database;
  readonly config: Config<S['keys']>;
  /** Returns a transport to a service in `calls`, with this service's token. */
  readonly to: (service: Extract<keyof S['calls'], string>) => Transport;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}

/** Result of a service's `build`. */
export interface BuiltService {
  readonly mounted: readonly Mounted[];
  /** Background work. */
  readonly work?: readonly Work[];
  /** Handlers of database notifications by channel (kit/db/listen.ts). */
  readonly heard?: Readonly<Record<string, (payload?: string) => void>>;
  /** Ends what else it runs, after the last call and before the database closes. */
  readonly close?: () => Promise<void>;
  /** Its event log, where it produces events. */
  readonly events?: EventProducer;
  /** The producers whose events it consumes. One that has stopped makes the service unready. */
  readonly followers?: readonly Pick<Follower, 'isReady' | 'close'>[];
}

/** A service's `build`. The type of its dependencies depends on the service's definition. */
export type Build = (deps: never) => BuiltService | Promise<BuiltService>;

/** The services that one calls: those of `calls`, and the producers of what it consumes. */
type CallsOf<C extends Calls, Source extends string> = C & Readonly<Record<Source, readonly DescService[]>>;

/**
 * Defines a domain service. The registry adds the keys of the addresses of called services. A service that produces events
 * has EventService in its contract; a service that consumes events calls EventService of their producers.
 * @throws Error if one of its keys has the name or the variable of a key that every service has
 */
export function defineService<
  const C extends Calls = Readonly<Record<'auth', readonly DescService[]>>,
  const K extends Keys = Readonly<Record<'port', Key<number>>>,
  const E extends Consumes = Readonly<Partial<Record<'auth', readonly DescMessage[]>>>,
>(definition: {
  readonly name: string;
  /** Default gRPC port. */
  readonly port: number;
  readonly contract: readonly DescService[];
  readonly calls?: C;
  /** The service's own keys. */
  readonly keys?: K;
  /** The payload messages of the events that it produces: `[UserDeletedSchema]`. */
  readonly produces?: readonly DescMessage[];
  /** Those of the events that it consumes: `{ auth: [UserDeletedSchema] }`. Each names this service in `listeners`. */
  readonly consumes?: E;
  /** Its schemas beside the one of its migrations, such as that of its jobs. */
  readonly otherSchemas?: readonly OtherSchema[];
  readonly load: () => Promise<Build>;
}): DomainService<CallsOf<C, keyof E & string>, K, E> {
  const { name, contract, calls, keys, produces = [], otherSchemas = [], load } = definition;
  const consumes = definition.consumes ?? ({} as E);
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
    contract: produces.length > 0 ? [...contract, EventService] : contract,
    // Every service calls auth, for its own token and for revocations.
    calls: withProducers({ auth: [], ...calls }, consumes) as CallsOf<C, keyof E & string>,
    produces,
    consumes,
    otherSchemas,
    keys: { ...standard, ...keys } as StandardKeys & K,
    load,
  };
}

/** Returns the calls of a service, with EventService of each producer that it consumes from. */
function withProducers(calls: Calls, consumes: Consumes): Calls {
  const events = Object.keys(consumes).map((source) => [source, [...(calls[source] ?? []), EventService]]);
  return { ...calls, ...Object.fromEntries(events) };
}

/** Returns a service's name for use in environment variables. */
export function envName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

/** Returns whether a service is a domain service. Auth and the edge are not. */
export function isDomainService(service: AnyService): service is DomainService {
  return 'load' in service;
}
