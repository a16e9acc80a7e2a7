import type { Keys } from '#kit/config/config.ts';
import type { AnyService } from '#kit/service/service.ts';
import { keys as allKeys } from './all/config.ts';
import { services } from './registry.ts';

/** The configuration keys of `npm start` and of each service. */
export const serviceKeys: readonly (readonly [service: string, keys: Keys])[] = [
  ['npm start', allKeys],
  ...Object.values<AnyService>(services)
    .map(({ name, keys }) => [name, keys] as const)
    .toSorted(([a], [b]) => a.localeCompare(b)),
];
