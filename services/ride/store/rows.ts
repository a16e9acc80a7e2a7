import { amountOf } from '#kit/money/money.ts';
import { columns, present } from '#kit/store/columns.ts';
import { sql } from '#kit/store/sql.ts';
import type { Place, Position, Ride } from '../domain/ride.ts';

/** The channel on which PostgreSQL notifies the service's processes of changed rides. The payload is a ride's id. */
export const changedChannel = 'signet_ride_changed';

/** A ride, as the database has it. Amounts are decimal numbers as text. */
export interface RideRow {
  readonly id: string;
  readonly userId: string | null;
  readonly raiderId: string | null;
  readonly state: Ride['state'];
  readonly pickupLatitude: number | null;
  readonly pickupLongitude: number | null;
  readonly pickupAddress: string;
  readonly dropoffLatitude: number | null;
  readonly dropoffLongitude: number | null;
  readonly dropoffAddress: string;
  readonly distanceMeters: number;
  readonly currencyCode: string;
  readonly estimatedFare: string;
  readonly fare: string | null;
  readonly paymentState: Ride['paymentState'];
  readonly cancelledBy: Ride['cancelledBy'];
  readonly cancelReason: string;
  readonly positionLatitude: number | null;
  readonly positionLongitude: number | null;
  readonly requestedAt: Date;
  readonly acceptedAt: Date | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** The columns of a RideRow of `rides AS r`. */
export const rideColumns = columns<RideRow>('r', {
  id: true,
  userId: true,
  raiderId: true,
  state: true,
  pickupLatitude: true,
  pickupLongitude: true,
  pickupAddress: true,
  dropoffLatitude: true,
  dropoffLongitude: true,
  dropoffAddress: true,
  distanceMeters: true,
  currencyCode: true,
  estimatedFare: sql`r.estimated_fare::text`,
  fare: sql`r.fare::text`,
  paymentState: true,
  cancelledBy: true,
  cancelReason: true,
  positionLatitude: true,
  positionLongitude: true,
  requestedAt: true,
  acceptedAt: true,
  startedAt: true,
  completedAt: true,
});

/** Converts a row of `rideColumns`. */
export function toRide({
  pickupLatitude,
  pickupLongitude,
  pickupAddress,
  dropoffLatitude,
  dropoffLongitude,
  dropoffAddress,
  currencyCode,
  estimatedFare,
  fare,
  positionLatitude,
  positionLongitude,
  ...row
}: RideRow): Ride {
  return {
    ...present(row),
    pickup: placeOf(positionOf(pickupLatitude, pickupLongitude), pickupAddress),
    dropoff: placeOf(positionOf(dropoffLatitude, dropoffLongitude), dropoffAddress),
    position: positionOf(positionLatitude, positionLongitude),
    estimatedFare: amountOf(estimatedFare, currencyCode),
    fare: fare === null ? undefined : amountOf(fare, currencyCode),
  };
}

function positionOf(latitude: number | null, longitude: number | null): Position | undefined {
  return latitude === null || longitude === null ? undefined : { latitude, longitude };
}

function placeOf(position: Position | undefined, address: string): Place | undefined {
  return position && { ...position, address };
}
