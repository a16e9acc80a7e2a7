import type { AnyService, Calls } from '#kit/service/service.ts';
import { keys } from './config.ts';
import { isOnEdge } from './upstream.ts';

/** The one public door, in front of other services: of each, the protobuf services that outsiders may reach. */
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
