import { expect, test } from 'vitest';
import { cancellableStates, type Ride, sinceState, states } from './ride.ts';

const at = new Date('2026-11-26T12:00:00Z');
const ride: Ride = {
  id: 'r1',
  state: 'completed',
  userId: 'ada',
  raiderId: 'bob',
  pickup: undefined,
  dropoff: undefined,
  distanceMeters: 1,
  estimatedFare: { currencyCode: 'EUR', units: 3n, nanos: 0 },
  fare: { currencyCode: 'EUR', units: 3n, nanos: 0 },
  paymentState: 'paid',
  position: { latitude: 1, longitude: 2 },
  cancelledBy: '',
  cancelReason: '',
  requestedAt: at,
  acceptedAt: at,
  startedAt: at,
  completedAt: at,
};
const statesSince = (one: Ride, seen: Ride['state']) => sinceState(one, seen).map(({ state }) => state);

test('a watcher is shown the states that were passed between two reads', () => {
  expect(statesSince(ride, 'requested')).toEqual(['accepted', 'started', 'completed']);
  expect(statesSince(ride, 'accepted')).toEqual(['started', 'completed']);
  expect(statesSince(ride, 'started')).toEqual(['completed']);
  expect(statesSince(ride, 'completed')).toEqual(['completed']);
  const cancelled: Ride = { ...ride, state: 'cancelled', startedAt: undefined, completedAt: undefined };
  expect(statesSince(cancelled, 'requested')).toEqual(['accepted', 'cancelled']);
  expect(statesSince({ ...cancelled, acceptedAt: undefined }, 'requested')).toEqual(['cancelled']);
});

test('a state that was passed has nothing of a later one', () => {
  const [accepted, started] = sinceState({ ...ride, cancelReason: 'x' }, 'requested');
  const nothing = {
    fare: undefined,
    paymentState: 'none',
    position: undefined,
    cancelReason: '',
    completedAt: undefined,
  };
  expect(accepted).toMatchObject({ ...nothing, startedAt: undefined, acceptedAt: at });
  expect(started).toMatchObject({ ...nothing, startedAt: at });
});

test('the states in which a party may cancel lead to cancelled', () => {
  for (const state of cancellableStates) expect(states.allows(state, 'cancelled')).toBe(true);
});
