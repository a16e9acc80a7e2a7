import type { DescService } from '@bufbuild/protobuf';
import { EventService } from '#gen/proto/signet/events/v1/event_service_pb.ts';
import { defineRegistry } from '#kit/service/registry.ts';
import { type AnyService, type DomainService, isDomainService } from '#kit/service/service.ts';
import { analytics } from './analytics/service.ts';
import { auth } from './auth/service.ts';
import { cart } from './cart/service.ts';
import { catalog } from './catalog/service.ts';
import { edgeOver } from './edge/service.ts';
import { notification } from './notification/service.ts';
import { order } from './order/service.ts';
import { payment } from './payment/service.ts';
import { ride } from './ride/service.ts';
import { user } from './user/service.ts';

/** The services behind the edge; those that follow the events of others come after them. Add a new service here. */
const behind = { auth, user, catalog, cart, payment, order, ride, notification, analytics } as const;

/** All services, in start order: auth first, because all others need it, and the edge last. */
export const services = defineRegistry({ ...behind, edge: edgeOver(behind) });

/** The name of a service. */
export type ServiceName = keyof typeof services;

/** The names of all services, in start order. */
export const serviceNames = Object.keys(services) as ServiceName[];

/** All services but auth and the edge. */
export const domainServices: readonly DomainService[] = Object.values<AnyService>(services).filter(isDomainService);

/**
 * The named services with those that they call, auth and the edge, in the order of starting. A service runs without the
 * producers whose events it only follows.
 */
export function withCalled(names: readonly ServiceName[]): ServiceName[] {
  const wanted = new Set<string>(['auth', 'edge']);
  function add(name: string): void {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const [called, methods] of Object.entries<readonly DescService[]>(services[name as ServiceName].calls)) {
      if (methods.some((desc) => desc !== EventService)) add(called);
    }
  }
  names.forEach(add);
  return serviceNames.filter((name) => wanted.has(name));
}

/** The services that have a database. */
export const servicesWithData: readonly AnyService[] = Object.values<AnyService>(services).filter(
  ({ keys }) => 'databaseUrl' in keys,
);
