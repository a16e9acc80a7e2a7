import { array, asyncProperty, assert, constant, nat, oneof, record } from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connection } from '#kit/db/database.ts';
import { openSystem, type System } from '../system.ts';

let system: System;
let db: Client;
beforeAll(async () => {
  system = await openSystem({ SIGNET_REFRESH_GRACE: '1h' });
  db = new Client(connection(system.database.url));
  await db.connect();
});
afterAll(async () => {
  await db.end();
  await system.close();
});

/** What may happen to a session. `back`: which of the tokens that were given so far, 0 the youngest. */
const step = oneof(
  { weight: 6, arbitrary: record({ does: constant('refresh' as const), back: nat(3) }) },
  { weight: 3, arbitrary: record({ does: constant('refresh' as const), back: constant(0) }) },
  { weight: 2, arbitrary: record({ does: constant('wait' as const), back: constant(0) }) },
  { weight: 1, arbitrary: record({ does: constant('logout' as const), back: nat(3) }) },
  { weight: 1, arbitrary: record({ does: constant('disable' as const), back: constant(0) }) },
  { weight: 1, arbitrary: record({ does: constant('enable' as const), back: constant(0) }) },
);

/** A session as it ought to be. */
interface Model {
  lives: boolean;
  disabled: boolean;
  /** The grace of the token before the last is over. */
  late: boolean;
}

/** What a refresh by the token so far back must answer, and what then is. */
function expectedOf(model: Model, back: number): 'next' | 'same' | string {
  if (!model.lives || model.disabled) return 'INVALID_REFRESH_TOKEN';
  if (back === 0) return 'next';
  return back === 1 && !model.late ? 'same' : 'REFRESH_TOKEN_REUSED';
}

test('whatever is done to a session in whatever order, it is as the model says', async () => {
  const refresh = (token: string) => system.rest('POST', '/auth/refresh', { body: { refresh_token: token } });
  await assert(
    asyncProperty(array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const person = await system.person();
      const tokens = [person.refresh];
      let { access } = person;
      const model: Model = { lives: true, disabled: false, late: false };
      for (const { does, back: wanted } of steps) {
        const back = Math.min(wanted, tokens.length - 1);
        const token = tokens.at(-1 - back) ?? '';
        if (does === 'wait') {
          model.late = true;
          await db.query(`UPDATE auth.sessions SET rotated_at = rotated_at - interval '2 hours' WHERE user_id = $1`, [
            person.id,
          ]);
        } else if (does === 'disable' || does === 'enable') {
          model.disabled = does === 'disable';
          await db.query(`UPDATE auth.users SET disabled_at = $1 WHERE id = $2`, [
            model.disabled ? new Date() : null,
            person.id,
          ]);
        } else if (does === 'logout') {
          model.lives = false;
          expect((await system.rest('POST', '/auth/logout', { body: { refresh_token: token } })).status).toBe(200);
        } else {
          const expected = expectedOf(model, back);
          const { status, json } = await refresh(token);
          if (expected === 'next' || expected === 'same') {
            expect(status, expected).toBe(200);
            access = system.secret(json.access_token);
            if (expected === 'same') expect(json.refresh_token).toBe(tokens.at(-1));
            else {
              expect(tokens).not.toContain(json.refresh_token);
              tokens.push(system.secret(json.refresh_token));
              model.late = false;
            }
          } else {
            expect([status, json.code]).toEqual([401, expected]);
            if (expected === 'REFRESH_TOKEN_REUSED') model.lives = false;
          }
        }
        const verified = await system.rest('GET', '/auth/verify', { token: access });
        expect(verified.status, `after ${does}`).toBe(model.lives && !model.disabled ? 200 : 401);
      }
      const { rows } = await db.query(
        'SELECT counter, revoked_at IS NULL AS lives FROM auth.sessions WHERE user_id = $1',
        [person.id],
      );
      expect(rows).toEqual([{ counter: tokens.length - 1, lives: model.lives }]);
    }),
    { numRuns: 40 },
  );
}, 120_000);
