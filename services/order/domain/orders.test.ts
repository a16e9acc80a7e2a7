import { expect, test } from 'vitest';
import type { OrderWithHistory, State } from './order.ts';
import { sinceEntry } from './orders.ts';

const at = (second: number) => new Date(second * 1_000);

function orderOf(...states: State[]): OrderWithHistory {
  const history = states.map((state, second) => ({ state, at: at(second), reason: '', actor: 'system' as const }));
  return {
    id: 'o',
    userId: 'u',
    state: states.at(-1)!,
    lines: [],
    total: { currencyCode: 'EUR', units: 1n, nanos: 0 },
    address: { name: '', line1: '', line2: '', city: '', region: '', postalCode: '', countryCode: 'DE' },
    paymentId: undefined,
    trackingCode: '',
    cancelRequestedAt: undefined,
    createdAt: at(0),
    updatedAt: at(states.length),
    history,
  };
}

test('shows every state that was passed between two reads, in order', () => {
  const shown = sinceEntry(orderOf('pending', 'reserved', 'paid', 'confirmed'), 1);
  expect(shown.map(({ state, history }) => [state, history.length])).toEqual([
    ['reserved', 2],
    ['paid', 3],
    ['confirmed', 4],
  ]);
  expect(shown[0]?.updatedAt).toEqual(at(1));
});

test('shows the order once without a new state', () => {
  const order = orderOf('pending', 'reserved');
  expect(sinceEntry(order, 2)).toEqual([order]);
});
