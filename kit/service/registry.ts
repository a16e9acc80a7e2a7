import { isGiven, twinOf } from '#kit/config/secret-file.ts';
import { type Config, type Environment, type Key, key, type Keys } from '#kit/config/config.ts';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { text } from '#kit/config/types.ts';
import { eventFaults } from './events.ts';
import { type AnyService, envName } from './service.ts';

/**
 * Completes the definitions of services that run together: adds a key for the address
 * of each service that a service calls.
 * @throws Error if a service calls an unknown service or one without a gRPC port, if two share a name, a port or a
 * protobuf service other than EventService, or if the events that they produce and consume do not match
 */
export function defineRegistry<R extends Record<string, AnyService>>(definitions: R): R {
  const faults: string[] = [];
  const taken = new Map<string, string>();
  const take = (what: string, by: string) => {
    const other = taken.get(what);
    if (other !== undefined) faults.push(`${other} and ${by} both have ${what}`);
    taken.set(what, by);
  };
  const complete = Object.entries(definitions).map(([id, service]): [string, AnyService] => {
    const { name, ports, contract, calls, keys } = service;
    if (id !== name) faults.push(`${name} is registered as ${id}`);
    for (const one of Object.values(ports)) take(`the port ${one.default}`, name);
    // Each producer serves EventService over its own log; it is called by the name of the producer.
    for (const one of contract) if (one !== EventService) take(one.typeName, name);
    const targets: Record<string, Key<string>> = {};
    for (const [called, wanted] of Object.entries(calls)) {
      const { ports: targetPorts, contract: served = [] } = definitions[called] ?? {};
      if (!targetPorts?.grpc) faults.push(`${name} calls ${called}, which is not a service with a gRPC port`);
      else targets[targetName(called)] = targetKey(called, targetPorts.grpc);
      const missing = wanted.filter((desc) => !served.includes(desc)).map(({ typeName }) => typeName);
      if (missing.length > 0) faults.push(`${name} calls ${missing.join(', ')}, which ${called} does not serve`);
    }
    return [id, { ...service, keys: { ...keys, ...targets } }];
  });
  faults.push(...eventFaults(definitions));
  if (faults.length > 0) throw new Error(`services/registry.ts: ${faults.join('; ')}`);
  return Object.fromEntries(complete) as R;
}

/** Returns the address of a called service from the caller's configuration. */
export function targetOf(config: Config<Keys>, called: string): string {
  return String(config[targetName(called)]);
}

/** Returns the environment variable of a service's address. */
export function targetEnv(called: string): string {
  return `SIGNET_${envName(called)}_TARGET`;
}

function targetName(called: string): string {
  return `${called}Target`;
}

function targetKey(called: string, grpc: Key<number>): Key<string> {
  return key(targetEnv(called), text, {
    default: `localhost:${grpc.default}`,
    doc: `gRPC address of the ${called} service for other services: host:port, or a name that gRPC resolves.`,
  });
}

/**
 * Returns the environment of one service, in which `<SERVICE>_DATABASE_URL`, if set, replaces DATABASE_URL, and
 * `<SERVICE>_DATABASE_DIRECT_URL` replaces DATABASE_DIRECT_URL. A direct URL belongs to the URL of the same prefix.
 */
export function environmentFor(name: string, environment: Environment): Environment {
  const [url, direct] = [`${envName(name)}_DATABASE_URL`, `${envName(name)}_DATABASE_DIRECT_URL`];
  if (!isGiven(url, environment)) return environment;
  return {
    ...environment,
    DATABASE_URL: environment[url],
    [twinOf('DATABASE_URL')]: environment[twinOf(url)],
    DATABASE_DIRECT_URL: environment[direct],
    [twinOf('DATABASE_DIRECT_URL')]: environment[twinOf(direct)],
  };
}

/** Returns the names of the variables that set a service's database. */
export function databaseVariables(
  name: string,
  environment: Environment,
): { readonly url: string; readonly direct: string } {
  const prefix = isGiven(`${envName(name)}_DATABASE_URL`, environment) ? `${envName(name)}_` : '';
  return { url: `${prefix}DATABASE_URL`, direct: `${prefix}DATABASE_DIRECT_URL` };
}
