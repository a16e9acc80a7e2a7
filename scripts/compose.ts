import type { Environment, Key } from '#kit/config/config.ts';
import {
  databaseKeys,
  jwksKeys,
  limitKeys,
  processKeys,
  serviceKeys,
  telemetryKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { roleOf } from '#kit/db/service-roles.ts';
import type { Secret } from '#kit/log/secret.ts';
import { targetEnv } from '#kit/service/registry.ts';
import { type AnyService, envName } from '#kit/service/service.ts';
import { services, servicesWithData } from '../services/registry.ts';

/** What Compose says of a variable that .env lacks. */
const missing = 'run npm run --silent compose:env >> .env';

/** Keys that the image sets (deploy/Dockerfile), or that would need a volume. */
export const notInCompose: ReadonlySet<string> = new Set([
  'SIGNET_HOST',
  'SIGNET_LOG_FORMAT',
  'UV_THREADPOOL_SIZE',
  'SIGNET_TLS_CERT',
  'SIGNET_TLS_KEY',
  // The PostgreSQL of Compose has no pooler in front of it.
  'DATABASE_DIRECT_URL',
]);

/** The keys in the hand-written anchors of docker-compose.yml. */
const anchors: readonly [anchor: string, envs: ReadonlySet<string>][] = [
  ['*common', envsOf(processKeys, telemetryKeys, tokenKeys, limitKeys)],
  ['*jwks', envsOf(jwksKeys)],
];

/** Values that are specific to Compose. */
const special: Readonly<Record<string, string>> = {
  SIGNET_MASTER_KEY: `\${SIGNET_MASTER_KEY:?${missing}}`,
  SIGNET_SERVICES: `\${SIGNET_SERVICES:?${missing}}`,
  REDIS_URL: '${REDIS_URL:-redis://valkey:6379}',
};

/** The service blocks of docker-compose.yml, and the one-shot that gives each service its database role. */
export function composeServices(): string {
  return [rolesBlock(), ...Object.values<AnyService>(services).map(block)].join('\n\n');
}

/** The variable in .env with the password of a service's database role. */
export function passwordEnv({ name }: AnyService): string {
  return `${envName(name)}_DATABASE_PASSWORD`;
}

function rolesBlock(): string {
  return [
    '  # Gives each service its database role, and ends.',
    '  roles:',
    '    <<: *service',
    "    # It is auth's image, built there.",
    '    pull_policy: never',
    "    restart: 'no'",
    '    command: [deploy/database-roles.ts]',
    '    environment:',
    `      DATABASE_URL: ${databaseUrl('signet', 'POSTGRES_PASSWORD')}`,
    ...servicesWithData.map((service) => `      ${passwordEnv(service)}: \${${passwordEnv(service)}:?${missing}}`),
    '    healthcheck:',
    '      disable: true',
    '    depends_on:',
    '      postgres: { condition: service_healthy }',
  ].join('\n');
}

function databaseUrl(role: string, password: string): string {
  return `postgres://${role}:\${${password}:?${missing}}@postgres:5432/signet`;
}

/** Makes what is secret. */
export interface Makers {
  readonly password: () => string;
  readonly masterKey: () => string;
  readonly serviceKey: () => { readonly key: Secret; readonly publicKey: string };
}

/** What docker-compose.yml needs of .env and an environment lacks, by name. */
export function composeEnvironment(environment: Environment, make: Makers): [name: string, value: string][] {
  const lines: [string, string][] = [];
  function lacks(name: string): boolean {
    return !environment[name];
  }
  for (const name of ['POSTGRES_PASSWORD', ...servicesWithData.map(passwordEnv)]) {
    if (lacks(name)) lines.push([name, make.password()]);
  }
  // A database that exists has an admin.
  if (lacks('POSTGRES_PASSWORD') && lacks('SIGNET_ADMIN_PASSWORD')) {
    lines.push(['SIGNET_ADMIN_PASSWORD', make.password()]);
  }
  if (lacks('SIGNET_MASTER_KEY')) lines.push(['SIGNET_MASTER_KEY', make.masterKey()]);
  const entries = (environment['SIGNET_SERVICES'] ?? '').split(',').filter(Boolean);
  const before = entries.length;
  for (const { name, keys } of Object.values<AnyService>(services)) {
    const variable = `${serviceKeys.serviceKey.env}_${envName(name)}`;
    if (!(serviceKeys.serviceKey.env in byEnv(keys)) || !lacks(variable)) continue;
    const { key, publicKey } = make.serviceKey();
    lines.push([variable, key.reveal()]);
    entries.push(`${name}=${publicKey}`);
  }
  // The last of two lines with the same name counts.
  if (entries.length > before) lines.push(['SIGNET_SERVICES', entries.join()]);
  return lines;
}

function byEnv(keys: AnyService['keys']): Record<string, Key> {
  return Object.fromEntries(Object.values(keys).map((one) => [one.env, one]));
}

function block(service: AnyService): string {
  const { name, ports, keys } = service;
  const read = Object.values(keys).filter(({ env }) => !notInCompose.has(env) && !isPort(service, env));
  const used = anchors.filter(([, envs]) => read.some(({ env }) => envs.has(env)));
  const own = read.filter(({ env }) => !anchors.some(([, envs]) => envs.has(env)));
  const isDoor = name === services.edge.name;
  const waitsFor = dependenciesOf(service);
  return [
    `  ${name}:`,
    '    <<: *service',
    ...(name === services.auth.name
      ? ['    build:', '      context: .', '      dockerfile: deploy/Dockerfile']
      : ['    # Uses the image that auth builds.', '    pull_policy: never']),
    `    command: [services/${name}/main.ts]`,
    '    environment:',
    `      <<: [${used.map(([anchor]) => anchor).join(', ')}]`,
    ...own.map((key) => `      ${key.env}: ${valueOf(service, key)}`),
    ...(isDoor
      ? ['    ports:', `      - '\${${ports.door?.env}:-${ports.door?.default}}:${ports.door?.default}'`]
      : []),
    '    depends_on:',
    ...waitsFor.map(
      (other) =>
        `      ${other}: { condition: ${other === 'roles' ? 'service_completed_successfully' : 'service_healthy'} }`,
    ),
  ].join('\n');
}

/** The ports that the health check of the image asks (deploy/health.mjs), by service. */
export function healthPorts(): string {
  return Object.values<AnyService>(services)
    .flatMap(({ name, ports: { grpc, door } }) => {
      const port = grpc ?? door;
      return port ? [`  ${name}: ['${port.env}', '${port.default}'],`] : [];
    })
    .join('\n');
}

/** The services that must be healthy before a service starts. Domain services may have call cycles, so they wait only for auth. */
function dependenciesOf({ name, keys, calls }: AnyService): string[] {
  if (name === services.edge.name) return [...Object.keys(calls), 'valkey'];
  return [...('databaseUrl' in keys ? ['roles'] : []), ...('auth' in calls ? ['auth'] : [])];
}

function valueOf({ name, calls }: AnyService, { env, default: standard, optional }: Key): string {
  const called = Object.keys(calls).find((one) => targetEnv(one) === env);
  const all: Readonly<Record<string, AnyService>> = services;
  if (called !== undefined) return `dns:///${called}:${all[called]?.ports.grpc?.default}`;
  const variable = env === serviceKeys.serviceKey.env ? `${env}_${envName(name)}` : env;
  if (env === databaseKeys.databaseUrl.env) return databaseUrl(roleOf(name), `${envName(name)}_DATABASE_PASSWORD`);
  if (special[env] !== undefined) return special[env];
  return standard === undefined && !optional ? `\${${variable}:?${missing}}` : `\${${variable}:-}`;
}

function isPort({ ports }: AnyService, env: string): boolean {
  return Object.values(ports).some((port) => port.env === env);
}

function envsOf(...groups: readonly Readonly<Record<string, Key>>[]): ReadonlySet<string> {
  return new Set(groups.flatMap((group) => Object.values(group).map(({ env }) => env)));
}
