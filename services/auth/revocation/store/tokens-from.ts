import { Prisma } from '#gen/prisma/auth/client.ts';

/**
 * The earliest time of issue of valid tokens after a revocation, in whole seconds. A concurrent refresh that read the
 * account before this commit issues its token at the time of its statement, which is earlier if this transaction takes
 * less than a second. If no session ends, check `tookLong` after the commit, and set the time again if it did.
 */
export const secondsFromNow = Prisma.sql`date_trunc('second', clock_timestamp()) + interval '2 seconds'`;

/**
 * The same for an update of an account. It is also later than the previous value: tokens issued since then may have
 * that value as their time of issue, and must become invalid even within the same second.
 */
export const tokensFromNow = Prisma.sql`greatest(${secondsFromNow}, tokens_from + interval '1 second')`;

/**
 * Whether a transaction that set the time took so long that a concurrent refresh may have issued a later token from the
 * old state. Statements after the commit read the new state.
 * @param since start of the transaction, by `performance.now()`
 */
export function tookLong(since: number): boolean {
  return performance.now() - since >= 1_000;
}
