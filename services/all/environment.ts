import type { Environment, Key } from '#kit/config/config.ts';
import { isGiven, variablesOf } from '#kit/config/secret-file.ts';
import { tlsKeys, tokenKeys } from '#kit/config/shared-keys.ts';
import { envName } from '#kit/service/service.ts';
import { services, servicesWithData } from '../registry.ts';
import { keys as allKeys } from './config.ts';

/** SIGNET_ variables that are keys of neither a service nor the command line (docs/cli.md): probably misspelt. */
export function unknownKeys(environment: Environment): string[] {
  const known = new Set(
    [allKeys, ...Object.values(services).map(({ keys }) => keys)].flatMap((keys) =>
      Object.values<Key>(keys).flatMap(variablesOf),
    ),
  );
  return Object.keys(environment).filter((name) => /^SIGNET_(?!CLI_|URL$)/.test(name) && !known.has(name));
}

/** The default of SIGNET_ISSUER is an https:// URL if the doors have a certificate. */
export function withHttpsIssuer(environment: Environment): Environment {
  const { env, default: standard } = tokenKeys.issuer;
  if (!environment[tlsKeys.tlsCert.env] || environment[env]) return environment;
  return { ...environment, [env]: standard.replace('http:', 'https:') };
}

/** Services with a separate database in the environment (<NAME>_DATABASE_URL). */
export function withOwnDatabase(environment: Environment): string[] {
  return servicesWithData
    .map(({ name }) => name)
    .filter((name) => isGiven(`${envName(name)}_DATABASE_URL`, environment));
}
