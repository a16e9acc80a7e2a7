import type { ServiceImpl } from '@connectrpc/connect';
import type { RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import type { VisitorStore } from '../domain/visitors.ts';

/** Implements RideService. The user comes from the token, never from the request. */
export function rideHandler(visitors: VisitorStore): ServiceImpl<typeof RideService> {
  return {
    async visit(_, { values }) {
      return { visits: await visitors.count(userOf(values).subject) };
    },
  };
}
