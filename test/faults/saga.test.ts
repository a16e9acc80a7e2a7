import { expect, test } from 'vitest';
import { planKills, planPauses } from './saga/plans.ts';
import { runSaga } from './saga/run.ts';

/** Kills at each point. CI runs five, `npm run test:faults -- saga --kills N` any number. */
const kills = Number(process.env['TEST_SAGA_KILLS'] ?? 2);
const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
if (!(Number.isInteger(kills) && kills > 0)) throw new RangeError('TEST_SAGA_KILLS must be a whole number above 0');

/** Kills per round. Each round has its own system and tokens. */
const atMost = 5;
const rounds = Array.from({ length: Math.ceil(kills / atMost) }, (_, round) => ({
  round: round + 1,
  kills: Math.min(atMost, kills - round * atMost),
}));

/** Calls and moves that come after another replica has undone the order. */
const pausePoints = ['reserve:before', 'charge:before', 'charge:called', 'confirm:called'];

test.each(rounds)(
  'round $round: orders of killed and paused replicas end with money and stock that fit their state',
  async ({ round, kills: some }) => {
    const plans = [...planPauses(...pausePoints), ...planKills(some, seed + round)];
    const { faults, summary } = await runSaga({ plans, patience: 120_000 + some * 120_000 });
    // oxlint-disable-next-line no-console -- the seed repeats the run
    console.log(`saga: seed ${seed}, round ${round}: ${summary}`);
    expect(faults, `seed ${seed}: ${summary}`).toEqual([]);
  },
  240_000 + atMost * 240_000,
);
