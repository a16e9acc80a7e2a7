import { failure } from '#kit/errors/failure.ts';
import { type Amount, parseMoney } from '#kit/money/money.ts';
import { daysOf } from './days.ts';
import type { FactKind } from './facts.ts';

/** Figures of a day, or of a range. */
export interface Figures {
  readonly signups: number;
  readonly logins: number;
  readonly activeUsers: number;
  readonly orders: number;
  readonly rides: number;
  /** One amount for each currency, in the order of the codes. */
  readonly revenue: readonly Amount[];
}

/** Figures of a range, by day and in total. */
export interface Summary {
  readonly days: readonly (Figures & { readonly date: string })[];
  readonly totals: Figures;
}

/** A day, by its index in the range; null for the whole range. */
export interface OfDay {
  readonly day: number | null;
}

/** What the store has measured in a range. A day without rows is one where nothing happened. */
export interface Measures {
  readonly counts: readonly (OfDay & { readonly kind: FactKind; readonly count: number })[];
  readonly active: readonly (OfDay & { readonly users: number })[];
  /** `amount` is a decimal number; sorted by currency. */
  readonly revenue: readonly (OfDay & { readonly currency: string; readonly amount: string })[];
}

/** Persistence port for read models. */
export interface SummaryStore {
  /** Measures days at one time. @param starts the beginning of each day, and the end of the last one */
  measure(starts: readonly Date[]): Promise<Measures>;
}

/**
 * Returns the function that summarizes a range of dates, both included.
 * @throws INVALID_ARGUMENT for a date, a range or a time zone; OUT_OF_RANGE if a sum is more than Money holds
 */
export function createSummaries(store: SummaryStore) {
  return async (fromDate: string, toDate: string, timeZone: string): Promise<Summary> => {
    const { dates, starts } = daysOf(fromDate, toDate, timeZone);
    const figures = figuresOf(await store.measure(starts));
    return { days: dates.map((date, day) => ({ date, ...figures(day) })), totals: figures(null) };
  };
}

/** Returns the function that picks the figures of a day. */
function figuresOf({ counts, active, revenue }: Measures): (day: number | null) => Figures {
  const counted = new Map(counts.map(({ day, kind, count }) => [`${day} ${kind}`, count]));
  const users = new Map(active.map((one) => [one.day, one.users]));
  const amounts = Map.groupBy(revenue, ({ day }) => day);
  return (day) => {
    const count = (kind: FactKind) => counted.get(`${day} ${kind}`) ?? 0;
    return {
      signups: count('signup'),
      logins: count('login'),
      activeUsers: users.get(day) ?? 0,
      orders: count('order'),
      rides: count('ride'),
      revenue: (amounts.get(day) ?? []).map(({ currency, amount }) => amountOf(amount, currency)),
    };
  };
}

function amountOf(text: string, currency: string): Amount {
  const amount = parseMoney(text, currency);
  if (!amount) throw failure('OUT_OF_RANGE', { detail: `The revenue in ${currency} is more than Money holds.` });
  return amount;
}
