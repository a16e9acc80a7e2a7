import { type Arbitrary, array, asyncProperty, assert, constant, nat, oneof, record } from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { type Answer, openSystem, type System } from '../system.ts';

let system: System;
let db: Client;
beforeAll(async () => {
  system = await openSystem({ env: { SIGNET_REFRESH_GRACE: '1h' } });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

/** The steps of a session. `back` selects one of the issued tokens; 0 is the latest. */
const step = oneof(
  { weight: 6, arbitrary: record({ does: constant('refresh' as const), back: nat(3) }) },
  { weight: 3, arbitrary: record({ does: constant('refresh' as const), back: constant(0) }) },
  { weight: 2, arbitrary: record({ does: constant('wait' as const), back: constant(0) }) },
  { weight: 1, arbitrary: record({ does: constant('logout' as const), back: nat(3) }) },
  { weight: 1, arbitrary: record({ does: constant('disable' as const), back: constant(0) }) },
  { weight: 1, arbitrary: record({ does: constant('enable' as const), back: constant(0) }) },
);

type Step = typeof step extends Arbitrary<infer T> ? T : never;

/** The expected state of a session. */
interface Model {
  lives: boolean;
  disabled: boolean;
  /** The grace period of the previous token is over. */
  late: boolean;
}

/** The expected outcome of a refresh with the token `back` positions before the latest. */
function expectedOf(model: Model, back: number): 'next' | 'same' | 'INVALID_REFRESH_TOKEN' | 'REFRESH_TOKEN_REUSED' {
  if (!model.lives || model.disabled) return 'INVALID_REFRESH_TOKEN';
  if (back === 0) return 'next';
  return back === 1 && !model.late ? 'same' : 'REFRESH_TOKEN_REUSED';
}

const refresh = (token: string) => system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });

/** The actual outcome of a refresh. */
function outcomeOf({ status, json }: Answer, tokens: readonly string[]): string {
  if (status !== 200) return json.code as string;
  if (json.refresh_token === tokens.at(-1)) return 'same';
  return tokens.includes(json.refresh_token) ? 'an earlier token' : 'next';
}

/** Applies the steps to a new session and to the model, and compares the outcomes. */
async function compare(steps: readonly Step[]): Promise<void> {
  const person = await system.person();
  const tokens = [person.refresh];
  let { access } = person;
  const model: Model = { lives: true, disabled: false, late: false };
  const acts: Record<Step['does'], (token: string, back: number) => Promise<[came: string, expected: string]>> = {
    async refresh(token, back) {
      const expected = expectedOf(model, back);
      const answer = await refresh(token);
      const came = outcomeOf(answer, tokens);
      if (answer.status === 200) access = system.secret(answer.json.access_token);
      if (came === 'next') tokens.push(system.secret(answer.json.refresh_token));
      if (expected === 'next') model.late = false;
      if (expected === 'REFRESH_TOKEN_REUSED') model.lives = false;
      return [came, expected];
    },
    async wait() {
      model.late = true;
      const sql = `UPDATE auth.sessions SET rotated_at = rotated_at - interval '2 hours' WHERE user_id = $1`;
      return [String((await db.query(sql, [person.id])).rowCount), '1'];
    },
    async logout(token) {
      model.lives = false;
      return [String((await system.rest('POST', '/auth/logout', { body: { refresh_token: token } })).status), '200'];
    },
    async disable() {
      model.disabled = true;
      const sql = 'UPDATE auth.users SET disabled_at = now() WHERE id = $1';
      return [String((await db.query(sql, [person.id])).rowCount), '1'];
    },
    async enable() {
      model.disabled = false;
      const sql = 'UPDATE auth.users SET disabled_at = NULL WHERE id = $1';
      return [String((await db.query(sql, [person.id])).rowCount), '1'];
    },
  };
  for (const { does, back: wanted } of steps) {
    const back = Math.min(wanted, tokens.length - 1);
    const [came, expected] = await acts[does](tokens.at(-1 - back) ?? '', back);
    expect(came, does).toBe(expected);
    const verified = await system.rest('GET', '/auth/verify', { token: access });
    expect(verified.status, `after ${does}`).toBe(model.lives && !model.disabled ? 200 : 401);
  }
  const { rows } = await db.query('SELECT counter, revoked_at IS NULL AS lives FROM auth.sessions WHERE user_id = $1', [
    person.id,
  ]);
  expect(rows).toEqual([{ counter: tokens.length - 1, lives: model.lives }]);
}

test('a session matches the model after any sequence of steps', async () => {
  await assert(asyncProperty(array(step, { minLength: 1, maxLength: 14 }), compare), { numRuns: 40 });
});
