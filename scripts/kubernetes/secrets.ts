import type { Environment, Key } from '#kit/config/config.ts';
import { isGiven } from '#kit/config/secret-file.ts';
import { databaseKeys, serviceKeys } from '#kit/config/shared-keys.ts';
import { roleOf } from '#kit/db/service-roles.ts';
import { StartError } from '#kit/process/start-error.ts';
import { environmentFor } from '#kit/service/registry.ts';
import { type AnyService, envName } from '#kit/service/service.ts';
import { services, servicesWithData } from '../../services/registry.ts';
import { passwordEnv } from '../compose.ts';
import { type Manifest, rolesSecret } from './objects.ts';
import { isFromSecret, isOptional, secretNameOf } from './pods.ts';

/** Where the overlay `single` has its database and its counters. */
const single = { database: 'postgres://postgres:5432/signet', redis: 'redis://valkey:6379' };

/**
 * The Secrets that the objects refer to, from the lines that `npm run compose:env` writes.
 * @param environment of the operator. DATABASE_URL is that of a superuser; without it, services use the PostgreSQL and
 * the Valkey of the overlay `single`. `<SERVICE>_DATABASE_URL` replaces the URL of a service.
 * @throws StartError that names the variables that are missing, or no URLs; never their values
 */
export function kubernetesSecrets(environment: Environment): Manifest[] {
  const missing = new Set<string>();
  function need(variable: string): string {
    const value = environment[variable];
    if (!value) missing.add(variable);
    return value ?? '';
  }
  const isSingle = !environment['DATABASE_URL'];
  const given: Environment = isSingle
    ? {
        ...environment,
        DATABASE_URL: withUser('DATABASE_URL', single.database, 'signet', need('POSTGRES_PASSWORD')),
        REDIS_URL: environment['REDIS_URL'] || single.redis,
      }
    : environment;

  function urlFor(service: AnyService, env: string): string | undefined {
    const url = environmentFor(service.name, given)[env];
    if (!url || isGiven(`${envName(service.name)}_DATABASE_URL`, given)) return url;
    return withUser(env, url, roleOf(service.name), need(passwordEnv(service)));
  }

  function valueOf(service: AnyService, key: Key): string | undefined {
    const { env } = key;
    if (env === databaseKeys.databaseUrl.env || env === databaseKeys.databaseDirectUrl.env) return urlFor(service, env);
    const variable = env === serviceKeys.serviceKey.env ? `${env}_${envName(service.name)}` : env;
    return isOptional(key) ? given[variable] || undefined : need(variable);
  }

  const passwords = servicesWithData.map(passwordEnv).map((name) => [name, need(name)] as const);
  const secrets = [
    ...(isSingle ? [secretOf('signet-postgres', [['POSTGRES_PASSWORD', environment['POSTGRES_PASSWORD']]])] : []),
    secretOf(rolesSecret, [['DATABASE_URL', given['DATABASE_URL']], ...passwords]),
    ...Object.values<AnyService>(services).map((service) =>
      secretOf(
        secretNameOf(service),
        Object.values(service.keys)
          .filter(isFromSecret)
          .map((key) => [key.env, valueOf(service, key)] as const),
      ),
    ),
  ];
  if (missing.size > 0) {
    throw new StartError(`not set: ${[...missing].join(', ')}. Run: npm run --silent compose:env >> .env`);
  }
  return secrets;
}

/** A database URL with another user. @throws StartError if it is no URL */
function withUser(env: string, text: string, user: string, password: string): string {
  if (!URL.canParse(text)) throw new StartError(`${env} is not a URL`);
  const url = new URL(text);
  [url.username, url.password] = [user, password];
  return url.href;
}

function secretOf(name: string, entries: readonly (readonly [string, string | undefined])[]): Manifest {
  const set = entries.filter(([, value]) => value !== undefined);
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: Object.fromEntries(set) };
}
