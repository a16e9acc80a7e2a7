import type { Key } from '#kit/config/config.ts';
import {
  databaseKeys,
  jwksKeys,
  limitKeys,
  processKeys,
  serviceKeys,
  telemetryKeys,
  tokenKeys,
} from '#kit/config/shared-keys.ts';
import { targetEnv } from '#kit/service/registry.ts';
import { type AnyService, envName } from '#kit/service/service.ts';
import { services } from '../services/registry.ts';

/** What the image decides (deploy/Dockerfile), and what would need a volume. */
export const notInCompose: ReadonlySet<string> = new Set([
  'SIGNET_HOST',
  'SIGNET_LOG_FORMAT',
  'UV_THREADPOOL_SIZE',
  'SIGNET_MAIL_DIR',
]);

/** What stands in the anchors of docker-compose.yml, in the part that is written by hand. */
const anchors: readonly [anchor: string, envs: ReadonlySet<string>][] = [
  ['*common', envsOf(processKeys, telemetryKeys, tokenKeys, limitKeys)],
  ['*database', envsOf(databaseKeys)],
  ['*jwks', envsOf(jwksKeys)],
];

/** Values that the composition needs and no definition says. */
const special: Readonly<Record<string, string>> = {
  SIGNET_MASTER_KEY: '${SIGNET_MASTER_KEY:?put SIGNET_MASTER_KEY into .env, from openssl rand -base64 32}',
  SIGNET_SERVICES: '${SIGNET_SERVICES:?put SIGNET_SERVICES into .env, from npm run signet -- services keygen}',
  REDIS_URL: '${REDIS_URL:-redis://valkey:6379}',
};

/** The service blocks of docker-compose.yml. */
export function composeServices(): string {
  return Object.values<AnyService>(services).map(block).join('\n\n');
}

function block(service: AnyService): string {
  const { name, ports, keys } = service;
  const read = Object.values(keys).filter(({ env }) => !notInCompose.has(env) && !isPort(service, env));
  const used = anchors.filter(([, envs]) => read.some(({ env }) => envs.has(env)));
  const own = read.filter(({ env }) => !anchors.some(([, envs]) => envs.has(env)));
  const isDoor = name === services.edge.name;
  const health = ports.grpc ?? ports.door;
  const waitsFor = dependenciesOf(service);
  return [
    `  ${name}:`,
    '    <<: *service',
    ...(name === services.auth.name
      ? ['    build:', '      context: .', '      dockerfile: deploy/Dockerfile']
      : ["    # It is auth's image, built there.", '    pull_policy: never']),
    `    command: [services/${name}/main.ts]`,
    '    environment:',
    `      <<: [${used.map(([anchor]) => anchor).join(', ')}]`,
    ...own.map((key) => `      ${key.env}: ${valueOf(service, key)}`),
    ...(isDoor
      ? ['    ports:', `      - '\${${ports.door?.env}:-${ports.door?.default}}:${ports.door?.default}'`]
      : []),
    '    healthcheck:',
    `      test: [CMD, node, deploy/health.mjs, '${health?.default}']`,
    '    depends_on:',
    ...waitsFor.map((other) => `      ${other}: { condition: service_healthy }`),
  ].join('\n');
}

/** What must work before a service starts. Domain services may call each other in circles: those wait for nobody but auth. */
function dependenciesOf({ name, keys, calls }: AnyService): string[] {
  if (name === services.edge.name) return [...Object.keys(calls), 'valkey'];
  return [...('databaseUrl' in keys ? ['postgres'] : []), ...('auth' in calls ? ['auth'] : [])];
}

function valueOf({ name, calls }: AnyService, { env, default: standard, optional }: Key): string {
  const called = Object.keys(calls).find((one) => targetEnv(one) === env);
  const all: Readonly<Record<string, AnyService>> = services;
  if (called !== undefined) return `dns:///${called}:${all[called]?.ports.grpc?.default}`;
  const variable = env === serviceKeys.serviceKey.env ? `${env}_${envName(name)}` : env;
  if (special[env] !== undefined) return special[env];
  return standard === undefined && !optional ? `\${${variable}:?put ${variable} into .env}` : `\${${variable}:-}`;
}

function isPort({ ports }: AnyService, env: string): boolean {
  return Object.values(ports).some((port) => port.env === env);
}

function envsOf(...groups: readonly Readonly<Record<string, Key>>[]): ReadonlySet<string> {
  return new Set(groups.flatMap((group) => Object.values(group).map(({ env }) => env)));
}
