import { randomBytes } from 'node:crypto';
import type { FreshDatabase } from '#kit/testing/postgres.ts';
import { generateServiceKey } from '#kit/identity/service-key.ts';
import { targetEnv } from '#kit/service/registry.ts';
import type { AnyService } from '#kit/service/service.ts';
import { environmentOf, withKeyPairs } from '../../../services/fleet/environment.ts';
import { type ServiceName, serviceNames, services } from '../../../services/registry.ts';
import { anyPorts } from '../../ports.ts';
import { closedPort, portsOf, type ServiceProcess, startService } from '../../processes.ts';

/** Services in several processes each, on one database. Every process knows all replicas that started before it. */
export interface Replicas {
  /** Base URLs of the edges. */
  readonly edges: readonly string[];
  /** Stops a replica as an operator does, and starts it again on its ports. Resolves once it is ready. */
  restart(name: ServiceName, index: number): Promise<void>;
  /** Starts one more replica, which no running process knows. */
  add(name: ServiceName): Promise<ServiceProcess>;
  /** All output of a service's replicas so far. */
  output(name: ServiceName): string;
  close(): Promise<void>;
}

/**
 * Starts services.
 * @param counts the number of replicas by service, in the order of their start
 */
export async function startReplicas(
  { url }: Pick<FreshDatabase, 'url'>,
  counts: Partial<Record<ServiceName, number>>,
  extra: Record<string, string> = {},
): Promise<Replicas> {
  const named = serviceNames.filter((name) => name !== 'auth');
  const pairs = Object.fromEntries(named.map((name) => [name, generateServiceKey()]));
  const environment = withKeyPairs(
    {
      DATABASE_URL: url.reveal(),
      SIGNET_MASTER_KEY: randomBytes(32).toString('base64'),
      SIGNET_ADMIN_PASSWORD: 'the admin of the replicas',
      ...anyPorts,
      SIGNET_RATE_LIMIT: '0',
      SIGNET_RATE_LIMIT_USER: '0',
      SIGNET_LOG_LEVEL: 'info',
      ...extra,
    },
    pairs,
  );
  /** The open ports of each service, one record a replica. */
  const opened: Partial<Record<ServiceName, Record<string, string>[]>> = {};
  const running = new Map<string, ServiceProcess>();
  const ended: [string, ServiceProcess][] = [];

  /** The addresses of the services that have started, as configuration of a caller. */
  function targets(name: ServiceName): Record<string, string> {
    const all: Readonly<Record<string, AnyService>> = services;
    return Object.fromEntries(
      Object.keys(services[name].calls).flatMap((called) => {
        const env = all[called]?.ports.grpc?.env;
        const ports = (opened[called as ServiceName] ?? []).map((one) => one[env ?? '']);
        const list = ports.map((port) => `127.0.0.1:${port}`).join(',');
        return list === '' ? [] : [[targetEnv(called), ports.length === 1 ? list : `ipv4:${list}`]];
      }),
    );
  }

  /** The port of the first replica. */
  async function portOf(env: string): Promise<number> {
    const found = Object.values(opened)
      .flat()
      .find((ports) => ports[env] !== undefined);
    return Number(found?.[env] ?? closedPort);
  }

  async function start(name: ServiceName, ports: Record<string, string> = {}): Promise<ServiceProcess> {
    const arranged = await environmentOf(name, environment, { pairs, portOf, metricsPort: 0 });
    delete arranged['SIGNET_METRICS_PORT'];
    return startService(name, { ...arranged, ...extra, ...targets(name), ...ports });
  }

  async function add(name: ServiceName): Promise<ServiceProcess> {
    const started = await start(name);
    const replicas = (opened[name] ??= []);
    running.set(`${name} ${replicas.length}`, started);
    replicas.push(portsOf(name, started));
    return started;
  }

  for (const [name, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index++) await add(name as ServiceName);
  }
  return {
    edges: (opened.edge ?? []).map((ports) => `http://127.0.0.1:${ports[services.edge.ports.door.env]}`),
    add,
    output: (name) =>
      [...ended, ...running].flatMap(([key, one]) => (key.startsWith(`${name} `) ? one.output() : [])).join('\n'),
    async restart(name, index) {
      const key = `${name} ${index}`;
      const code = await running.get(key)?.end('SIGTERM');
      if (code !== 0) throw new Error(`${key} ended with ${code}: ${running.get(key)?.output()}`);
      ended.push([key, running.get(key)!]);
      running.set(key, await start(name, opened[name]?.[index]));
    },
    async close() {
      await Promise.all([...running.values()].map((one) => one.end('SIGTERM')));
    },
  };
}
