import { Prisma } from '#gen/prisma/auth/client.ts';

/**
 * When tokens must have been issued from now on, in whole seconds. A refresh whose statement read the account before
 * this one committed issues at the time of that statement, which is earlier as long as this transaction takes less
 * than a second. Where no session ends besides, ask `tookLong` after it, and move the time once more.
 */
export const secondsFromNow = Prisma.sql`date_trunc('second', clock_timestamp()) + interval '2 seconds'`;

/**
 * The same for an account that is updated. Later than the last time, too: a token made since then was issued
 * at that time, and has to die by this one though both are of the same second.
 */
export const tokensFromNow = Prisma.sql`greatest(${secondsFromNow}, tokens_from + interval '1 second')`;

/**
 * Tells whether a transaction that moved the time took so long that a refresh may have issued tokens past it from what
 * was there before. Whatever reads after the commit finds what is there now.
 * @param since when it began, by `performance.now()`
 */
export function tookLong(since: number): boolean {
  return performance.now() - since >= 1_000;
}
