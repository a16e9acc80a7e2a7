import type { AnyService } from '#kit/service/service.ts';
import { services } from '../services/registry.ts';

/** The configuration keys of all service ports. */
export const portKeys: readonly string[] = Object.values<AnyService>(services).flatMap(({ ports }) =>
  Object.values(ports).map(({ env }) => env),
);

/** An environment in which the operating system chooses every port. */
export const anyPorts: Readonly<Record<string, string>> = Object.fromEntries(portKeys.map((env) => [env, '0']));
