import type { Environment, Key } from '#kit/config/config.ts';
import { twinOf, variablesOf } from '#kit/config/secret-file.ts';
import { jwksKeys, processKeys, serviceKeys, telemetryKeys, tlsKeys } from '#kit/config/shared-keys.ts';
import type { ServiceKeyPair } from '#kit/identity/service-key.ts';
import { environmentFor, targetEnv } from '#kit/service/registry.ts';
import type { AnyService } from '#kit/service/service.ts';
import { type ServiceName, serviceNames, services } from '../registry.ts';

/** Returns the port that a configuration key sets; waits for a port chosen by the system. */
export type PortOf = (env: string) => Promise<number>;

/** The service keys of a fleet, generated for each run. */
export type KeyPairs = Partial<Record<ServiceName, ServiceKeyPair>>;

/** System variables that every process receives. */
const systemVariables =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|TMPDIR|TEMP|TMP|SystemRoot|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|SSL_CERT_(FILE|DIR)|UV_THREADPOOL_SIZE)$/;

const servicesKey = services.auth.keys.services.env;

/** The names of the variables that a service reads. */
export function keysOf(name: ServiceName): ReadonlySet<string> {
  return new Set(Object.values<Key>(services[name].keys).flatMap(variablesOf));
}

/**
 * The fleet's environment as one of its services reads it. Only the edge has TLS: the services read the public keys at
 * auth's door, at an address of this machine, for which no certificate is valid.
 */
export function environmentIn(name: string, environment: Environment): Environment {
  const given = environmentFor(name, environment);
  if (name === services.edge.name) return given;
  return { ...given, [tlsKeys.tlsCert.env]: undefined, [tlsKeys.tlsKey.env]: undefined };
}

/** Adds the public keys of a run to SIGNET_SERVICES. Other services keep the entries that the operator set. */
export function withKeyPairs(environment: Environment, pairs: KeyPairs): Environment {
  const others = (environment[servicesKey] ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !Object.hasOwn(pairs, entry.split('=')[0] ?? ''));
  const ours = Object.entries(pairs).map(([name, { publicKey }]) => `${name}=${publicKey}`);
  return { ...environment, [servicesKey]: [...others, ...ours].join(',') };
}

/**
 * The environment of one service's process: only the variables that it reads,
 * as the operator set them, otherwise with the fleet's values.
 * @param environment the fleet's environment
 * @param metricsPort metrics port of the first service; the others count up from it. 0: any
 */
export async function environmentOf(
  name: ServiceName,
  environment: Environment,
  { pairs, portOf, metricsPort }: { readonly pairs: KeyPairs; readonly portOf: PortOf; readonly metricsPort: number },
): Promise<Record<string, string>> {
  const arranged: Record<string, () => string | undefined> = {
    [serviceKeys.serviceKey.env]: () => pairs[name]?.key.reveal(),
    // The fleet's key replaces the operator's file.
    [twinOf(serviceKeys.serviceKey.env)]: () => '',
    // Nothing balances between replicas here, so no client would leave meanwhile.
    [processKeys.drainDelay.env]: () => '0s',
    [telemetryKeys.metricsPort.env]: () => String(metricsPort && metricsPort + metricsOrder.indexOf(name)),
  };
  const variables = Object.entries(environment).filter(([env]) => systemVariables.test(env));
  const given = environmentIn(name, environment);
  for (const env of keysOf(name)) {
    const value = arranged[env]?.() ?? (given[env] || (await addressFor(name, env, environment, portOf)));
    variables.push([env, value]);
  }
  return Object.fromEntries(variables.filter((one): one is [string, string] => Boolean(one[1])));
}

/** The edge has the first metrics port. */
const metricsOrder: readonly ServiceName[] = ['edge', ...serviceNames.filter((name) => name !== 'edge')];

/** The value of a key that is an address of another service of the fleet; otherwise undefined. */
async function addressFor(
  name: ServiceName,
  env: string,
  environment: Environment,
  portOf: PortOf,
): Promise<string | undefined> {
  const at = async (key: string) => `${hostOf(environment)}:${await portOf(key)}`;
  if (env === jwksKeys.jwksUrl.env) return `http://${await at(services.auth.ports.door.env)}/.well-known/jwks.json`;
  const all: Readonly<Record<string, AnyService>> = services;
  const called = Object.keys(services[name].calls).find((one) => targetEnv(one) === env);
  const port = called === undefined ? undefined : all[called]?.ports.grpc;
  return port && at(port.env);
}

/** The host at which services of the fleet reach each other. */
function hostOf(environment: Environment): string {
  const host = environment[processKeys.host.env] || processKeys.host.default;
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
