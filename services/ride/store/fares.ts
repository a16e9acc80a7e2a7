import { amountOf } from '#kit/money/money.ts';
import { type Sql, sql } from '#kit/store/sql.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import type { Attempt, FareStore } from '../domain/charging.ts';
import { changeRides } from './moves.ts';
import type { Schedule } from './rides.ts';

interface FareRow {
  readonly userId: string | null;
  readonly fare: string;
  readonly currencyCode: string;
  readonly paymentMethod: string;
  readonly charge: number;
}

/** Creates the store of the payments of fares in PostgreSQL. Compare-and-set on the attempt makes its verbs idempotent. */
export function createFareStore(db: Transactional, schedule: Schedule): FareStore {
  return {
    async due(attempt) {
      const [row] = await db.$queryRaw<FareRow[]>`
        SELECT user_id AS "userId", fare::text AS fare, currency_code AS "currencyCode", payment_method AS "paymentMethod",
          charge
        FROM ride.rides WHERE ${isUnderWay(attempt)}`;
      if (!row) return undefined;
      const { userId, fare, currencyCode, ...rest } = row;
      return { ...attempt, ...rest, userId: userId ?? undefined, amount: amountOf(fare, currencyCode) };
    },
    async paid(attempt) {
      await end(db, attempt, sql`payment_state = 'paid'`);
    },
    async failed(attempt, outcome, nextIn) {
      const next = sql`payment_state = 'unpaid', charge = charge + ${outcome === 'declined' ? 1 : 0}`;
      // One transaction, so that no attempt is lost or made twice.
      await db.$transaction(async (tx) => {
        const [ride] = await end(tx, attempt, next);
        if (!ride || nextIn === undefined) return;
        await schedule(tx, { rideId: attempt.rideId, attempt: attempt.attempt + 1 }, nextIn);
      });
    },
  };
}

/** Ends an attempt that has no outcome yet. The next one has another number. */
function end(db: Pick<Statements, '$queryRaw'>, attempt: Attempt, set: Sql) {
  return changeRides(db, sql`UPDATE ride.rides AS r SET ${set}, attempt = attempt + 1 WHERE ${isUnderWay(attempt)}`);
}

function isUnderWay({ rideId, attempt }: Attempt): Sql {
  return sql`
    id = ${rideId}::uuid AND attempt = ${attempt} AND payment_state IN ('pending', 'unpaid')`;
}
