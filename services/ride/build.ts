import { PrismaClient } from '#gen/prisma/ride/client.ts';
import { RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { rideHandler } from './handler/ride.ts';
import type { ride } from './service.ts';
import { createVisitorStore } from './store/visitors.ts';

/** Wires the ride service. */
export function build({ database }: ServiceDeps<typeof ride>): BuiltService {
  const visitors = createVisitorStore(new PrismaClient(database.prisma));
  return { mounted: [mount(RideService, rideHandler(visitors))] };
}
