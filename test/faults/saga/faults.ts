import type { Pool } from 'pg';

/** What the databases of all services say of one order. */
interface Row {
  readonly id: string;
  readonly state: string;
  readonly step: string | null;
  readonly failure: string | null;
  readonly total: string;
  readonly pieces: number;
  readonly byHand: boolean;
  readonly history: string[];
  readonly captures: number;
  readonly captured: string;
  readonly refunded: string;
  readonly stock: string | null;
  readonly wasCommitted: boolean;
  readonly events: string[];
}

const select = `
  SELECT o.id, o.state, o.step, o.failure, o.total::text AS total,
    (SELECT sum((line ->> 'quantity')::int)::int FROM jsonb_array_elements(o.lines) line) AS pieces,
    o.payment_refunded AND o.cancel_requested_at IS NULL AND o.failure IS NULL AS "byHand",
    ARRAY(SELECT h.state FROM "order".history h WHERE h.order_id = o.id ORDER BY h.version) AS history,
    (SELECT count(*)::int FROM payment_sandbox.charges c
     WHERE split_part(c.key, ':', 1) = o.id::text AND c.state = 'captured') AS captures,
    (SELECT coalesce(sum(c.amount), 0)::numeric(28, 9)::text FROM payment_sandbox.charges c
     WHERE split_part(c.key, ':', 1) = o.id::text AND c.state = 'captured') AS captured,
    (SELECT coalesce(sum(r.amount), 0)::numeric(28, 9)::text FROM payment_sandbox.refunds r
     WHERE split_part(r.charge_key, ':', 1) = o.id::text) AS refunded,
    (SELECT r.state FROM catalog.reservations r WHERE r.order_id = o.id) AS stock,
    EXISTS (SELECT FROM saga_test.committed c WHERE c.order_id = o.id) AS "wasCommitted",
    ARRAY(SELECT e.type FROM "order".events e WHERE e.subject = o.id::text ORDER BY e.n) AS events
  FROM "order".orders o`;

const orderOfStates = ['pending', 'reserved', 'paid', 'confirmed', 'cancelled', 'refunded'];

/** The events of a history. */
function eventsOf(history: readonly string[]): string[] {
  return history.flatMap((state) => {
    if (state === 'pending') return ['order.placed'];
    return state === 'reserved' || state === 'paid' ? [] : [`order.${state}`];
  });
}

function faultsOf(row: Row): string[] {
  const { state, step, history, total, captures, captured, refunded, stock, byHand } = row;
  const isConfirmed = state === 'confirmed';
  const nothing = '0.000000000';
  const places = history.map((one) => orderOfStates.indexOf(one));
  const rules: readonly [boolean, string][] = [
    [step === null, `stopped at ${step}`],
    [['confirmed', 'cancelled', 'refunded'].includes(state), 'not final'],
    [captures <= 1, `${captures} captures`],
    [history.at(-1) === state, `state ${state} after ${history.join()}`],
    [places.every((place, index) => index === 0 || place > places[index - 1]!), `history ${history.join()}`],
    [row.events.join() === eventsOf(history).join(), `events ${row.events.join()} of ${history.join()}`],
    [!isConfirmed || (captured === total && refunded === nothing), `confirmed: ${captured} less ${refunded}`],
    [!isConfirmed || stock === 'committed', `confirmed with stock ${stock}`],
    [state !== 'refunded' || (captured === total && refunded === total), `refunded: ${captured} less ${refunded}`],
    [state !== 'cancelled' || (captures === 0 && refunded === nothing), `cancelled: ${captured} less ${refunded}`],
    [isConfirmed || stock === (byHand ? 'committed' : 'released'), `${state} with stock ${stock}`],
    [!row.wasCommitted || history.includes('confirmed'), 'committed and never confirmed'],
  ];
  return rules.filter(([holds]) => !holds).map(([, fault]) => `${row.id} (${row.failure ?? 'no failure'}): ${fault}`);
}

/** Returns what is wrong with orders, money and stock; empty if nothing is. */
export async function allFaults(db: Pool): Promise<{ faults: string[]; states: Record<string, number> }> {
  const { rows } = await db.query<Row>(select);
  const sold = await db.query<{ wrong: number }>(
    // What is neither in stock nor in a committed reservation, or is in both.
    `SELECT count(*)::int AS wrong FROM saga_test.products t JOIN catalog.products p ON p.id = t.id
     WHERE p.stock + (SELECT coalesce(sum(l.quantity), 0) FROM catalog.reservation_lines l JOIN catalog.reservations r USING (order_id)
                      WHERE l.product_id = p.id AND r.state IN ('reserved', 'committed')) <> t.stock`,
  );
  const doubled = await db.query<{ user: string }>(
    `SELECT user_id::text AS user FROM "order".orders GROUP BY user_id HAVING count(*) > 1`,
  );
  const states: Record<string, number> = {};
  for (const { state, failure } of rows) {
    const name = failure === null ? state : `${state} ${failure}`;
    states[name] = (states[name] ?? 0) + 1;
  }
  return {
    faults: [
      ...rows.flatMap(faultsOf),
      ...(sold.rows[0]?.wrong ? [`the stock of ${sold.rows[0].wrong} products does not add up`] : []),
      ...doubled.rows.map(({ user }) => `customer ${user} has several orders`),
    ],
    states,
  };
}
