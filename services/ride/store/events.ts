import { timestampFromDate, timestampNow } from '@bufbuild/protobuf/wkt';
import {
  RideAcceptedSchema,
  RideCancelledSchema,
  RideCompletedSchema,
  RideExpiredSchema,
  RideRequestedSchema,
  RideStartedSchema,
} from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import { createRecord, type Recorded } from '#kit/events/record.ts';
import type { Statements } from '#kit/store/statements.ts';
import type { Ride } from '../domain/ride.ts';
import { ride as definition } from '../service.ts';

type Payload = (typeof definition.produces)[number];

/** Records the events of the states that rides have reached, in the transaction of their change. */
export type RecordRides = (tx: Pick<Statements, '$executeRaw'>, ...rides: readonly Ride[]) => Promise<unknown>;

/** Creates the function that records the events of rides. */
export function createRecordRides(): RecordRides {
  const record = createRecord(definition.name, definition.produces);
  return (tx, ...rides) => record(tx, ...rides.map(eventOf));
}

function eventOf(ride: Ride): Recorded<Payload> {
  const { id: subject, userId = '', raiderId = '', distanceMeters } = ride;
  const booked = { rideId: subject, userId };
  const parties = { ...booked, raiderId };
  switch (ride.state) {
    case 'requested': {
      const message = {
        ...booked,
        estimatedFare: ride.estimatedFare,
        distanceMeters,
        requestedAt: at(ride.requestedAt),
      };
      return { type: RideRequestedSchema, subject, message };
    }
    case 'accepted':
      return { type: RideAcceptedSchema, subject, message: { ...parties, acceptedAt: at(ride.acceptedAt) } };
    case 'started':
      return { type: RideStartedSchema, subject, message: { ...parties, startedAt: at(ride.startedAt) } };
    case 'completed': {
      const fare = ride.fare ?? ride.estimatedFare;
      const message = { ...parties, fare, distanceMeters, completedAt: at(ride.completedAt) };
      return { type: RideCompletedSchema, subject, message };
    }
    case 'cancelled': {
      const message = { ...parties, cancelledBy: ride.cancelledBy, cancelledAt: timestampNow() };
      return { type: RideCancelledSchema, subject, message };
    }
    case 'expired':
      return { type: RideExpiredSchema, subject, message: { ...booked, expiredAt: timestampNow() } };
  }
}

function at(time: Date | undefined) {
  return time ? timestampFromDate(time) : timestampNow();
}
