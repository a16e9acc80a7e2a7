import { nat, sample, tuple } from 'fast-check';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { admin, openSystem, type Person, type System } from '../system.ts';

let system: System;
let adminToken: string;
beforeAll(async () => {
  system = await openSystem();
  adminToken = system.secret((await system.rest('POST', '/auth/login', { body: admin })).json.access_token);
});
afterAll(() => system.close());

/** Acts that end a session during its refresh. A password change runs in another session. */
const acts: Record<string, { rounds: number; prepare: (person: Person) => Promise<() => Promise<number>> }> = {
  logout: {
    rounds: 400,
    prepare: async ({ refresh }) => {
      return async () => (await system.rest('POST', '/auth/logout', { body: { refresh_token: refresh } })).status;
    },
  },
  'disabling the account': {
    rounds: 300,
    prepare: async ({ id }) => {
      return async () =>
        (await system.rest('POST', `/admin/users/${id}:disable`, { token: adminToken, body: {} })).status;
    },
  },
  'a change of the password': {
    rounds: 300,
    prepare: async ({ email, password }) => {
      const { json } = await system.rest('POST', '/auth/login', { body: { email, password } });
      const token = system.secret(json.access_token);
      const body = { current_password: password, new_password: system.secret(`${password}, and more`) };
      return async () => (await system.rest('POST', '/auth/password', { token, body })).status;
    },
  },
};

const atOnce = 20;

/**
 * The share of the rounds that run. The database decides in both shapes, so the fleet runs a twentieth. CI runs all rounds
 * in one process.
 */
const share = inject('shape') === 'fleet' ? 0.05 : Number(process.env['TEST_ROUNDS'] ?? 0.1);
if (!(share > 0 && share <= 1)) throw new RangeError('TEST_ROUNDS must be above 0 and at most 1');

test.each(Object.entries(acts))(
  'after a concurrent refresh and %s, no token of the session works',
  async (_, { rounds: all, prepare }) => {
    const rounds = Math.ceil(all * share);
    // Printed on failure, so that the round can be repeated.
    const seed = Math.floor(Math.random() * 2 ** 31);
    const delays = sample(tuple(nat(12), nat(12)), { seed, numRuns: rounds });
    for (let first = 0; first < rounds; first += atOnce) {
      await Promise.all(
        delays.slice(first, first + atOnce).map(async ([before, after]) => {
          const person = await system.person();
          const act = await prepare(person);
          const [refreshed, ended] = await Promise.all([
            setTimeout(before).then(() =>
              system.rest('POST', '/auth/refresh', { body: { refresh_token: person.refresh } }),
            ),
            setTimeout(after).then(act),
          ]);
          expect(ended, `seed ${seed}`).toBe(200);
          await expectUseless(person, refreshed.status === 200 ? refreshed.json : undefined, `seed ${seed}`);
        }),
      );
    }
  },
);

/** Checks the tokens of the session and those of a refresh that ran while the session ended. */
async function expectUseless(
  { access, refresh }: Person,
  given: { access_token: string; refresh_token: string } | undefined,
  seed: string,
): Promise<void> {
  if (given) [given.access_token, given.refresh_token].forEach(system.secret);
  for (const token of [access, given?.access_token].filter((one) => one !== undefined)) {
    const status = async () => (await system.rest('GET', '/users/profile', { token })).status;
    await expect.poll(status, { interval: 10, message: seed }).toBe(401);
    expect((await system.rest('GET', '/auth/verify', { token })).status, seed).toBe(401);
  }
  for (const token of [refresh, given?.refresh_token].filter((one) => one !== undefined)) {
    const { status } = await system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });
    expect(status, seed).toBe(401);
  }
}
