import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Key, Keys } from '#kit/config/config.ts';
import { type AnyService, envName } from '#kit/service/service.ts';
import { services } from '../../services/registry.ts';
import { notInCompose } from '../compose.ts';
import { type Check, expectNone, root } from './check.ts';

const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      command: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.string()).default({}),
      healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
      restart: z.string().optional(),
      ports: z.array(z.string()).optional(),
    }),
  ),
});

const keysOfServices = Object.fromEntries(Object.values<AnyService>(services).map(({ name, keys }) => [name, keys]));

/** The only service with a public port. */
const door = 'edge';

/**
 * Lists the faults of a Compose file: a service without its process or a required
 * key, an unknown variable, a wrong port, a missing file.
 */
export function composeFaults(text: string, known: Readonly<Record<string, Keys>> = keysOfServices): string[] {
  const { services: composed } = composeSchema.parse(parse(text, { merge: true }));
  const faults = Object.keys(known).flatMap((name) => (composed[name] ? [] : [`${name}: is missing`]));
  for (const [name, { command, environment, healthcheck, ports, restart }] of Object.entries(composed)) {
    const say = (fault: string) => faults.push(`${name}: ${fault}`);
    const keys = known[name];
    if (keys && healthcheck) say('replaces the health check of the image, which asks its port');
    if (!keys && healthcheck?.test === undefined && restart !== 'no') say('has no health check');
    for (const file of (command ?? []).filter((word) => /^\w+\/.*\.ts$/.test(word))) {
      if (!existsSync(path.join(root, file))) say(`${file} does not exist`);
    }
    if (ports && name !== door) say('publishes a port');
    if (!keys) continue;
    if (command?.join(' ') !== `services/${name}/main.ts`) say(`does not run services/${name}/main.ts`);
    for (const env of Object.keys(environment)) {
      if (!Object.values(keys).some((key) => key.env === env)) say(`does not read ${env}`);
    }
    for (const [env, value] of Object.entries(environment)) {
      // ${NAME:-otherwise} and ${NAME:?why}
      const [, variable, otherwise] = /^\$\{(\w+)(?::(?:-|\?)(.*))?\}$/.exec(value) ?? [];
      if (variable !== undefined && variable !== env && variable !== `${env}_${envName(name)}`) {
        say(`sets ${env} from ${variable}`);
      }
      const key = Object.values(keys).find((one) => one.env === env);
      if (key && isRequired(key) && value.includes(':-') && !otherwise) say(`may leave the required ${env} unset`);
    }
    for (const key of Object.values(keys)) {
      if (key.env in environment || notInCompose.has(key.env) || isPort(key)) continue;
      say(`does not set ${key.env}, which it reads`);
    }
  }
  return faults;
}

function isPort({ env }: Key): boolean {
  return /^SIGNET_\w+_PORT$/.test(env) && env !== 'SIGNET_METRICS_PORT';
}

function isRequired({ default: standard, optional }: Key): boolean {
  return standard === undefined && !optional;
}

/** docker-compose.yml matches the services' definitions. */
export const compose: Check = {
  claim: 'docker-compose.yml sets the keys that each service reads',
  async run() {
    expectNone(composeFaults(await readFile(path.join(root, 'docker-compose.yml'), 'utf8')));
  },
};
