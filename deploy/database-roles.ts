// The one-shot `roles` of docker-compose.yml: gives each service its database role, before a service starts.
import { key, readConfig } from '#kit/config/config.ts';
import { readEnvironment } from '#kit/config/environment.ts';
import { databaseKeys } from '#kit/config/shared-keys.ts';
import { secret } from '#kit/config/types.ts';
import { ensureServiceRoles } from '#kit/db/service-roles.ts';
import { explain } from '#kit/process/start-error.ts';
import { envName } from '#kit/service/service.ts';
import { servicesWithData } from '../services/registry.ts';

const names = servicesWithData.map(({ name }) => name);
const passwordKeys = Object.fromEntries(
  names.map((name) => [
    name,
    key(`${envName(name)}_DATABASE_PASSWORD`, secret, { doc: `Password of the ${name} service's database role.` }),
  ]),
);

try {
  const environment = readEnvironment();
  const { databaseUrl } = readConfig(databaseKeys, environment);
  const passwords = readConfig(passwordKeys, environment);
  const urls = await ensureServiceRoles(databaseUrl, names, (name) => passwords[name]);
  for (const url of urls.values()) console.log(`${new URL(url.reveal()).username} is ready`);
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
