import type { Environment } from '#kit/config/config.ts';
import { jwksKeys, processKeys, serviceKeys, telemetryKeys } from '#kit/config/shared-keys.ts';
import type { ServiceKeyPair } from '#kit/identity/service-key.ts';
import { environmentFor, targetEnv } from '#kit/service/registry.ts';
import type { AnyService } from '#kit/service/service.ts';
import { type ServiceName, serviceNames, services } from '../registry.ts';

/** Finds the port that a key of some service sets; waits for one that the system chooses. */
export type PortOf = (env: string) => Promise<number>;

/** The keys by which the services of a fleet prove who they are; made for a run. */
export type KeyPairs = Partial<Record<ServiceName, ServiceKeyPair>>;

/** What a process has of the machine, whatever it reads of ours. */
const ofTheMachine =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|TMPDIR|TEMP|TMP|SystemRoot|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|SSL_CERT_(FILE|DIR)|UV_THREADPOOL_SIZE)$/;

const servicesKey = services.auth.keys.services.env;

/** The variables that a service reads. */
export function keysOf(name: ServiceName): ReadonlySet<string> {
  return new Set(Object.values(services[name].keys).map(({ env }) => env));
}

/** An environment in which the auth service knows the keys of a run. Who is not of the run keeps the key that the operator gave. */
export function withKeyPairs(environment: Environment, pairs: KeyPairs): Environment {
  const others = (environment[servicesKey] ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !Object.hasOwn(pairs, entry.split('=')[0] ?? ''));
  const ours = Object.entries(pairs).map(([name, { publicKey }]) => `${name}=${publicKey}`);
  return { ...environment, [servicesKey]: [...others, ...ours].join(',') };
}

/**
 * The variables of one service's process, and no more: those that it reads, from
 * the operator's or, where those leave it open, as the fleet arranges it.
 * @param environment what the fleet is configured with
 * @param metricsPort of the first service; the others' follow it. 0: any
 */
export async function environmentOf(
  name: ServiceName,
  environment: Environment,
  { pairs, portOf, metricsPort }: { readonly pairs: KeyPairs; readonly portOf: PortOf; readonly metricsPort: number },
): Promise<Record<string, string>> {
  const arranged: Record<string, () => string | undefined> = {
    [serviceKeys.serviceKey.env]: () => pairs[name]?.key.reveal(),
    [telemetryKeys.metricsPort.env]: () => String(metricsPort && metricsPort + metricsOrder.indexOf(name)),
  };
  const variables = Object.entries(environment).filter(([env]) => ofTheMachine.test(env));
  const given = environmentFor(name, environment);
  for (const env of keysOf(name)) {
    const value = arranged[env]?.() ?? (given[env] || (await addressFor(name, env, environment, portOf)));
    variables.push([env, value]);
  }
  return Object.fromEntries(variables.filter((one): one is [string, string] => Boolean(one[1])));
}

/** The door that users come to is the first. */
const metricsOrder: readonly ServiceName[] = ['edge', ...serviceNames.filter((name) => name !== 'edge')];

/** The address that a service's key asks for, where it asks for one of a service of the fleet. */
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

/** Where the services of a fleet reach each other. */
function hostOf(environment: Environment): string {
  const host = environment[processKeys.host.env] || processKeys.host.default;
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
