import { describe, expect, test } from 'vitest';
import { type Plan, planLapses, planPauses, planRefunds } from './saga/plans.ts';
import { runSaga } from './saga/run.ts';

/** The suite of the saga must fail without any of its safeguards. CI runs this with TEST_MUTATIONS=1. */
const runs = process.env['TEST_MUTATIONS'] === '1';

interface Mutation {
  readonly plans: readonly Plan[];
  readonly mutation?: string;
  readonly sabotage?: string;
  /** What the suite reports. */
  readonly fault: RegExp;
}

/** Inserts of released reservations, which are tombstones, are left out. */
const noTombstones = `
  CREATE FUNCTION saga_test.forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
  CREATE TRIGGER forget BEFORE INSERT ON catalog.reservations
    FOR EACH ROW WHEN (NEW.state = 'released') EXECUTE FUNCTION saga_test.forget();`;

const mutations: Record<string, Mutation> = {
  'the unique index of the payments of orders': {
    plans: planLapses(2, 'charge:called'),
    sabotage: 'DROP INDEX payment.payments_order_id_key',
    fault: /not final|captures/,
  },
  'compare-and-set': {
    plans: planPauses('charge:called', 'charge:called'),
    mutation: 'compare-and-set',
    fault: /history|not final|refunded/,
  },
  'the cursor in the transaction of the effect': {
    plans: planRefunds(4),
    mutation: 'cursor in the transaction',
    fault: /a refund by support left order/,
  },
  'the tombstone of a release': {
    plans: planPauses('reserve:before', 'reserve:before'),
    sabotage: noTombstones,
    fault: /stock/,
  },
  'the pivot rule': {
    plans: planLapses(4, 'confirm:called'),
    mutation: 'pivot rule',
    fault: /committed and never confirmed/,
  },
};

describe.runIf(runs)('the suite of the saga', () => {
  test.each(Object.entries(mutations))(
    'fails without %s',
    async (_, { fault, ...options }) => {
      const { faults, summary } = await runSaga({ ...options, patience: 30_000 });
      expect(faults.join('\n'), summary).toMatch(fault);
    },
    240_000,
  );
});
