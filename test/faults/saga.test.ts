import { expect, test } from 'vitest';
import { planKills, planPauses } from './saga/plans.ts';
import { runSaga } from './saga/run.ts';

/** Kills at each point. CI runs five, `npm run test:faults -- saga --kills N` any number. */
const kills = Number(process.env['TEST_SAGA_KILLS'] ?? 2);
const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Calls and moves that come after another replica has undone the order. */
const pausePoints = ['reserve:before', 'charge:before', 'charge:called', 'confirm:called'];
if (!(Number.isInteger(kills) && kills > 0)) throw new RangeError('TEST_SAGA_KILLS must be a whole number above 0');

test(
  'orders of killed and paused replicas end with money and stock that fit their state',
  async () => {
    const plans = [...planPauses(...pausePoints), ...planKills(kills, seed)];
    const { faults, summary } = await runSaga({ plans, patience: 60_000 + kills * 60_000 });
    // oxlint-disable-next-line no-console -- the seed repeats the run
    console.log(`saga: seed ${seed}, ${summary}`);
    expect(faults, `seed ${seed}: ${summary}`).toEqual([]);
  },
  120_000 + kills * 120_000,
);
