import { setTimeout as delay } from 'node:timers/promises';
import { type Config, type Environment, type Keys, readConfigs } from '#kit/config/config.ts';
import { twinOf } from '#kit/config/secret-file.ts';
import { serviceKeys } from '#kit/config/shared-keys.ts';
import type { Log } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import type { Closing, Fail } from '#kit/process/run.ts';
import { StartError } from '#kit/process/start-error.ts';
import type { Ready } from '#kit/process/supervisor.ts';
import type { AnyService } from '#kit/service/service.ts';
import { generateServiceKey, type ServiceKeyPair } from '#kit/identity/service-key.ts';
import { type ServiceName, serviceNames, services } from '../registry.ts';
import type { AdminNotice } from '#kit/process/admin-notice.ts';
import { startChild } from './child.ts';
import { environmentIn, environmentOf, keysOf, type KeyPairs, withKeyPairs } from './environment.ts';
import { supervise } from './supervise.ts';

/** Reads the configurations of all services, as each will in its process. @throws ConfigError naming all invalid keys */
export function readFleet(environment: Environment): Configs {
  const keys = Object.values(services).map((service) => [service.name, service.keys] as const);
  // The fleet generates a key for each service; this is a placeholder.
  const { env } = serviceKeys.serviceKey;
  const given = { ...environment, [env]: standIn, [twinOf(env)]: undefined };
  return readConfigs(Object.fromEntries<Keys>(keys), (name) => environmentIn(name, given)) as unknown as Configs;
}

/** The configurations of all services. */
export type Configs = { readonly [N in ServiceName]: Config<(typeof services)[N]['keys']> };

const standIn = generateServiceKey().key.reveal();

/** How to open a fleet. */
export interface FleetOptions {
  /** The environment of all services, including DATABASE_URL and SIGNET_MASTER_KEY. */
  readonly environment: Environment;
  /** Metrics port of the edge; the others count up from it. 0: any. */
  readonly metricsPort: number;
  readonly log: Log;
  readonly closing: Pick<Closing, 'add'>;
  /** Called with the error that ends the fleet. */
  readonly fail: Fail;
  /** Receives the first admin, if auth creates it. */
  readonly notice: Pick<AdminNotice, 'take'>;
  /** Generates a service's key pair. */
  readonly generateKey?: () => ServiceKeyPair;
  /** The services to open (`withCalled`); all services by default. */
  readonly only?: readonly ServiceName[];
  /** Receives the output of the processes. */
  readonly output?: ((text: string) => void) | undefined;
}

/** The ports of a running fleet. */
export interface Fleet {
  /** The port that a key sets. */
  port(env: string): number;
}

/** Maximum time from the start of a service until it is ready, ms. */
const readyTimeout = 60_000;

/**
 * Starts all services, each in its own process, on migrated databases: auth
 * first, which creates the first admin before it listens, then the others
 * concurrently. Resolves when all are ready.
 * @throws StartError with the error output of a process that does not start
 */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const {
    metricsPort,
    log,
    closing,
    fail,
    notice,
    generateKey = generateServiceKey,
    only = serviceNames,
    output,
  } = options;
  const identified = serviceNames.filter((name) => keysOf(name).has(serviceKeys.serviceKey.env));
  const pairs: KeyPairs = Object.fromEntries(identified.map((name) => [name, generateKey()]));
  const environment = withKeyPairs(options.environment, pairs);
  const ports = knownPorts(environment);

  async function open(name: ServiceName): Promise<void> {
    const arrangement = { pairs, portOf: ports.of, metricsPort };
    let opened: Ready['ports'] = {};
    const serving = Promise.withResolvers<boolean>();
    const late = delay(readyTimeout, false, { ref: false });
    const started = supervise({
      async start() {
        const variables = await environmentOf(name, environment, arrangement);
        // A restarted process keeps its ports, which others have resolved.
        for (const [env, port] of Object.entries(opened)) variables[env] = String(port);
        return startChild({ name, environment: variables, output });
      },
      onReady(ready, child) {
        child.serving.then(() => serving.resolve(true), serving.reject);
        opened = ready.ports;
        ports.set(ready.ports);
        const { email, password } = ready.firstAdmin ?? {};
        if (email !== undefined)
          notice.take({ email, password: password === undefined ? undefined : new Secret(password) });
      },
      log: log.child({ service: name }),
      closing,
      fail,
    });
    // Also ends a deadlock of services that wait for each other's ports, each chosen by the system.
    if ((await Promise.race([started, late])) === false) throw new StartError(`${name} has not started in time`);
    if (!(await Promise.race([serving.promise, late])))
      throw new StartError(`${name} started but is not ready; see its log`);
  }

  await open('auth');
  await Promise.all(only.filter((name) => name !== 'auth').map(open));
  return { port: ports.get };
}

/** Ports by configuration key. Configured ports are known at once, others when their process has opened them. */
function knownPorts(environment: Environment) {
  const all = new Map<string, PromiseWithResolvers<number>>();
  const settled = new Map<string, number>();
  const keys = Object.values<AnyService>(services).flatMap((service) => Object.values(service.ports));
  for (const { env, default: standard } of keys) {
    const known = Promise.withResolvers<number>();
    all.set(env, known);
    const port = Number(environment[env] || standard);
    if (port) known.resolve(port);
  }
  return {
    async of(env: string): Promise<number> {
      const port = all.get(env);
      if (!port) throw new Error(`no service has the port ${env}`);
      return port.promise;
    },
    get(env: string): number {
      const port = settled.get(env);
      if (port === undefined) throw new Error(`no service has opened the port ${env}`);
      return port;
    },
    set(ports: Ready['ports']): void {
      for (const [env, port] of Object.entries(ports)) {
        settled.set(env, port);
        all.get(env)?.resolve(port);
      }
    },
  };
}
