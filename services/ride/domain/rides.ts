import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { failure } from '../reasons.ts';
import { distanceBetween, fareOf, type Tariff } from './fares.ts';
import { type Party, partyOf, type Place, type Position, type Ride, type State } from './ride.ts';

/** A new ride. */
export interface NewRide extends Pick<Ride, 'id' | 'distanceMeters' | 'estimatedFare'> {
  readonly userId: string;
  readonly pickup: Place;
  readonly dropoff: Place;
  /** Empty for the payment provider's default. */
  readonly paymentMethod: string;
}

/** What a user books. */
export type Booking = Omit<NewRide, 'distanceMeters' | 'estimatedFare'>;

/** Filters of a list of rides. */
export interface RideFilter {
  /** Only rides of which this account is a party. */
  readonly partyId?: string;
  readonly userId?: string;
  readonly raiderId?: string;
  readonly state?: State;
}

/**
 * Persistence port for rides. Each move is one compare-and-set, with its event in the same transaction; it returns
 * undefined if the ride was not in the state for it.
 */
export interface RideStore {
  /** Inserts a ride. A ride with that id stays as it is. `erased`: the account was erased. */
  book(ride: NewRide): Promise<'erased' | undefined>;
  /** Moves a requested ride that has not expired and that another account booked. `erased`: the account was erased. */
  accept(id: string, raiderId: string): Promise<Ride | 'erased' | undefined>;
  start(id: string, raiderId: string): Promise<Ride | undefined>;
  /** Also adds the job that charges the fare. */
  complete(id: string, raiderId: string): Promise<Ride | undefined>;
  /** Moves a ride in one of `cancellableStates` of which the account is a party. */
  cancel(id: string, accountId: string, reason: string): Promise<Ride | undefined>;
  /** Records the position of a started ride, unless one was recorded within a second. Returns whether it was recorded. */
  setPosition(id: string, raiderId: string, position: Position): Promise<boolean>;
  find(id: string): Promise<Ride | undefined>;
  page(filter: RideFilter, query: PageQuery): Promise<readonly Ride[]>;
  /** Requested rides within a radius that other accounts booked, nearest first, at most 50. @param radius meters */
  open(center: Position, radius: number, raiderId: string): Promise<readonly Ride[]>;
}

/** Port to payments. */
export interface PaymentMethods {
  /** @throws INVALID_ARGUMENT if the provider does not know the method, SERVICE_UNAVAILABLE */
  assertKnown(paymentMethod: string): Promise<void>;
}

/** The rules for rides. Accounts are named by id. */
export interface Rides {
  /** Books a ride; if one with the id exists, returns it. undefined: the account was erased. @throws as the ports do */
  book(booking: Booking): Promise<Ride | undefined>;
  /** undefined: the account was erased. @throws NOT_FOUND, RIDE_TAKEN, RIDE_STATE */
  accept(id: string, raiderId: string): Promise<Ride | undefined>;
  /** @throws NOT_FOUND, RIDE_STATE */
  start(id: string, raiderId: string): Promise<Ride>;
  /** @throws NOT_FOUND, RIDE_STATE */
  complete(id: string, raiderId: string): Promise<Ride>;
  /** @throws NOT_FOUND, RIDE_STATE */
  cancel(id: string, accountId: string, reason: string): Promise<Ride>;
  /** @throws NOT_FOUND, RIDE_STATE */
  setPosition(id: string, raiderId: string, position: Position): Promise<void>;
  /** Returns a ride of a party, or any ride. @throws NOT_FOUND */
  read(id: string, accountId?: string): Promise<Ride>;
  list(filter: RideFilter, page: PageRequest): Promise<Page<Ride>>;
  /** Open rides without their users. @param radius meters */
  open(center: Position, radius: number, raiderId: string): Promise<readonly Ride[]>;
}

/** Creates the rules for rides. */
export function createRides(deps: {
  readonly store: RideStore;
  readonly methods: PaymentMethods;
  readonly tariff: Tariff;
}): Rides {
  const { store, methods, tariff } = deps;

  async function read(id: string, accountId?: string): Promise<Ride> {
    const ride = await store.find(id);
    if (!ride || (accountId !== undefined && !partyOf(ride, accountId))) throw failure('NOT_FOUND');
    return ride;
  }

  /** Returns a ride that its raider has already moved. @throws RIDE_STATE if it is in another state */
  async function alreadyMoved(id: string, raiderId: string, to: State): Promise<Ride> {
    const ride = await store.find(id);
    if (ride?.raiderId !== raiderId) throw failure('NOT_FOUND');
    if (ride.state !== to) throw wrongState(ride, raiderId);
    return ride;
  }

  return {
    async book({ id, pickup, dropoff, ...booking }) {
      if (booking.paymentMethod !== '') await methods.assertKnown(booking.paymentMethod);
      const distanceMeters = Math.round(distanceBetween(pickup, dropoff));
      const estimatedFare = fareOf(tariff, distanceMeters);
      const booked = await store.book({ id, pickup, dropoff, ...booking, distanceMeters, estimatedFare });
      return booked === 'erased' ? undefined : read(id);
    },
    async accept(id, raiderId) {
      const accepted = await store.accept(id, raiderId);
      if (accepted === 'erased') return undefined;
      if (accepted) return accepted;
      const ride = await read(id);
      const isTaken = ride.state === 'accepted' || ride.state === 'started';
      if (!isTaken || ride.userId === raiderId) throw wrongState(ride, raiderId);
      if (ride.raiderId !== raiderId) throw failure('RIDE_TAKEN', { metadata: { ride_id: ride.id } });
      return ride;
    },
    start: async (id, raiderId) => (await store.start(id, raiderId)) ?? alreadyMoved(id, raiderId, 'started'),
    complete: async (id, raiderId) => (await store.complete(id, raiderId)) ?? alreadyMoved(id, raiderId, 'completed'),
    async cancel(id, accountId, reason) {
      const cancelled = await store.cancel(id, accountId, reason);
      if (cancelled) return cancelled;
      const ride = await read(id, accountId);
      const party: Party | undefined = partyOf(ride, accountId);
      if (ride.state !== 'cancelled' || ride.cancelledBy !== party) throw wrongState(ride, accountId);
      return ride;
    },
    async setPosition(id, raiderId, position) {
      if (!(await store.setPosition(id, raiderId, position))) await alreadyMoved(id, raiderId, 'started');
    },
    read,
    list: (filter, page) =>
      readPage(
        page,
        ['rides', filter.partyId ?? '', filter.userId ?? '', filter.raiderId ?? '', filter.state ?? ''],
        (query) => store.page(filter, query),
        ({ id }) => [id],
      ),
    async open(center, radius, raiderId) {
      const rides = await store.open(center, radius, raiderId);
      return rides.map((ride) => ({ ...ride, userId: undefined }));
    },
  };
}

/** The state is named to parties only. */
function wrongState(ride: Ride, accountId: string) {
  const { id, state } = ride;
  return failure('RIDE_STATE', { metadata: { ride_id: id, ...(partyOf(ride, accountId) ? { state } : {}) } });
}
