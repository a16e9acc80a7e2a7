import { type Config, type Environment, type Key, key, type Keys } from '#kit/config/config.ts';
import { text } from '#kit/config/types.ts';
import { type AnyService, envName } from './service.ts';

/**
 * Completes the definitions of services that run together: each gets a key for
 * where it reaches a service that it calls.
 * @throws Error where a service calls one that is not among them or has no gRPC port, or two share a name, a port or a protobuf service
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
    for (const { typeName } of contract) take(typeName, name);
    const targets: Record<string, Key<string>> = {};
    for (const [called, wanted] of Object.entries(calls)) {
      const { ports: its, contract: had = [] } = definitions[called] ?? {};
      if (!its?.grpc) faults.push(`${name} calls ${called}, which is no service with a gRPC port`);
      else targets[targetName(called)] = targetKey(called, its.grpc);
      const lacking = wanted.filter((desc) => !had.includes(desc)).map(({ typeName }) => typeName);
      if (lacking.length > 0) faults.push(`${name} calls ${lacking.join(', ')}, which ${called} does not serve`);
    }
    return [id, { ...service, keys: { ...keys, ...targets } }];
  });
  if (faults.length > 0) throw new Error(`services/registry.ts: ${faults.join('; ')}`);
  return Object.fromEntries(complete) as R;
}

/** The address of a service that another one calls, from the caller's configuration. */
export function targetOf(config: Config<Keys>, called: string): string {
  return String(config[targetName(called)]);
}

/** The variable that says where a service is reached. */
export function targetEnv(called: string): string {
  return `SIGNET_${envName(called)}_TARGET`;
}

function targetName(called: string): string {
  return `${called}Target`;
}

function targetKey(called: string, grpc: Key<number>): Key<string> {
  return key(targetEnv(called), text, {
    default: `localhost:${grpc.default}`,
    doc: `Where other services reach the ${called} service over gRPC: host:port, or a name that gRPC resolves.`,
  });
}

/** The environment of one service: `<SERVICE>_DATABASE_URL`, where it is set, is its DATABASE_URL. */
export function environmentFor(name: string, environment: Environment): Environment {
  const own = environment[`${envName(name)}_DATABASE_URL`];
  return own ? { ...environment, DATABASE_URL: own } : environment;
}
