import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  type Place as PlaceMessage,
  type Position as PositionMessage,
  type Ride as RideMessage,
  RideSchema,
  RideService,
} from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import type { Watched } from '#kit/db/changes.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { Idempotency } from '#kit/idempotency/idempotency.ts';
import { watching } from '#kit/service/watching.ts';
import { type Place, type Position, type Ride, type State, sinceState, states } from '../domain/ride.ts';
import type { RideFilter, Rides } from '../domain/rides.ts';
import { failure } from '../reasons.ts';

/** Radius of a list of open rides, meters, if the request has none. */
const usualRadius = 5_000;

/**
 * Implements RideService: converts messages for the domain and back. The party comes from the token, never from the request.
 */
export function rideHandler(deps: {
  readonly rides: Rides;
  readonly idempotency: Pick<Idempotency, 'once'>;
  readonly watch: (id: string) => Watched;
}): ServiceImpl<typeof RideService> {
  const { rides, idempotency, watch } = deps;

  async function list(filter: RideFilter, page: Parameters<Rides['list']>[1]) {
    const { items, nextPageToken } = await rides.list(filter, page);
    return { rides: items.map(toMessage), nextPageToken };
  }

  return {
    bookRide: (request, context) =>
      idempotency.once(RideService.method.bookRide, request, context, async (id) => {
        const { subject: userId } = userOf(context.values);
        const [pickup, dropoff] = [placeOf(request.pickup), placeOf(request.dropoff)];
        return toMessage(
          living(await rides.book({ id, userId, pickup, dropoff, paymentMethod: request.paymentMethod })),
        );
      }),
    async listOpenRides({ radiusMeters = usualRadius, ...center }, { values }) {
      const found = await rides.open(positionOf(center), radiusMeters, userOf(values).subject);
      return { rides: found.map(toMessage) };
    },
    acceptBooking: async ({ rideId }, { values }) =>
      toMessage(living(await rides.accept(rideId, userOf(values).subject))),
    startRide: async ({ rideId }, { values }) => toMessage(await rides.start(rideId, userOf(values).subject)),
    completeRide: async ({ rideId }, { values }) => toMessage(await rides.complete(rideId, userOf(values).subject)),
    async updatePosition({ rideId, ...position }, { values }) {
      await rides.setPosition(rideId, userOf(values).subject, positionOf(position));
      return {};
    },
    getRide: async ({ rideId }, { values }) => toMessage(await rides.read(rideId, userOf(values).subject)),
    listRides: ({ state, ...page }, { values }) => list({ partyId: userOf(values).subject, ...stateOf(state) }, page),
    cancelRide: async ({ rideId, reason = '' }, { values }) =>
      toMessage(await rides.cancel(rideId, userOf(values).subject, reason)),
    async *watchRide({ rideId }, { values, signal }) {
      const { subject } = userOf(values);
      yield* watching(RideSchema, {
        // Notifications name ids in lower case.
        watched: watch(rideId.toLowerCase()),
        read: () => rides.read(rideId, subject),
        since: (ride, seen) => sinceState(ride, seen.state),
        toMessage,
        isFinal: ({ state }) => states.isFinal(state),
        signal,
      });
    },
    listAllRides: ({ userId, raiderId, state, ...page }) =>
      list({ ...(userId === '' ? {} : { userId }), ...(raiderId === '' ? {} : { raiderId }), ...stateOf(state) }, page),
    getAnyRide: async ({ rideId }) => toMessage(await rides.read(rideId)),
  };
}

/** @throws INVALID_TOKEN if the caller's account was erased */
function living(ride: Ride | undefined): Ride {
  if (!ride) throw invalidToken('its account was deleted');
  return ride;
}

/** The contract allows no other states. */
function stateOf(state: string | undefined): { state?: State } {
  return state === undefined ? {} : { state: state as State };
}

/** The contract requires both. */
function positionOf({ latitude, longitude }: Pick<Partial<PositionMessage>, 'latitude' | 'longitude'>): Position {
  if (latitude === undefined || longitude === undefined) throw failure('INVALID_ARGUMENT');
  return { latitude, longitude };
}

function placeOf(place: PlaceMessage | undefined): Place {
  if (!place) throw failure('INVALID_ARGUMENT');
  return { ...positionOf(place), address: place.address };
}

function toMessage(ride: Ride): RideMessage {
  const { userId = '', raiderId = '', pickup, dropoff, position, fare, ...plain } = ride;
  const { requestedAt, acceptedAt, startedAt, completedAt, ...facts } = plain;
  return create(RideSchema, {
    ...facts,
    userId,
    raiderId,
    ...(pickup && dropoff ? { pickup, dropoff } : {}),
    ...(position ? { position } : {}),
    ...(fare ? { fare } : {}),
    ...times({ requestedAt, acceptedAt, startedAt, completedAt }),
  });
}

/** The times that are known. */
function times(given: Pick<Ride, 'requestedAt' | 'acceptedAt' | 'startedAt' | 'completedAt'>) {
  const known = Object.entries(given).filter((entry): entry is [string, Date] => entry[1] !== undefined);
  return Object.fromEntries(known.map(([name, time]) => [name, timestampFromDate(time)])) as Pick<
    MessageInitShape<typeof RideSchema>,
    keyof typeof given
  >;
}
