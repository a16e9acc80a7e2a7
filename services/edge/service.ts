import type { AnyService, Calls } from '#kit/service/service.ts';
import { keys } from './config.ts';
import { isOnEdge } from './upstream.ts';

/** Defines the edge in front of services. It calls those of their protobuf services that have public methods. */
export function edgeOver(behind: Readonly<Record<string, AnyService>>) {
  const exposed = Object.entries(behind).map(([name, { contract }]) => [
    name,
    contract.filter(({ methods }) => methods.some(isOnEdge)),
  ]);
  return {
    name: 'edge',
    ports: { door: keys.port },
    contract: [],
    calls: Object.fromEntries(exposed) as Calls,
    keys,
  } as const satisfies AnyService;
}
