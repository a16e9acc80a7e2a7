import { digitsOf } from './currencies.ts';

/** An amount of money, as `signet.type.v1.Money` has it; a Money message is one. Never a floating-point number. */
export interface Amount {
  /** ISO 4217. */
  readonly currencyCode: string;
  /** Whole units. */
  readonly units: bigint;
  /** Billionths of a unit, with the same sign as `units`. */
  readonly nanos: number;
}

const nanosPerUnit = 1_000_000_000n;
const minUnits = -(2n ** 63n);
const maxUnits = 2n ** 63n - 1n;

/** Returns the sum. @throws TypeError if the currencies differ @throws RangeError if the units exceed int64 */
export function add(a: Amount, b: Amount): Amount {
  assertSame(a, b);
  return amount(a.currencyCode, nanosOf(a) + nanosOf(b));
}

/** Returns the difference. @throws TypeError if the currencies differ @throws RangeError if the units exceed int64 */
export function subtract(a: Amount, b: Amount): Amount {
  assertSame(a, b);
  return amount(a.currencyCode, nanosOf(a) - nanosOf(b));
}

/**
 * Returns the product with an integer.
 * @throws RangeError if the factor is not a safe integer or the units exceed int64
 */
export function times(a: Amount, factor: number): Amount {
  if (!Number.isSafeInteger(factor)) throw new RangeError('money is multiplied by integers only');
  return amount(a.currencyCode, nanosOf(a) * BigInt(factor));
}

/**
 * Returns the product with the fraction of two integers, rounded up to the smallest unit of the currency; for amounts
 * and fractions of 0 or more.
 * @throws RangeError if the currency is unknown or the units exceed int64
 */
export function timesRoundedUp(a: Amount, numerator: number, denominator: number): Amount {
  const digits = digitsOf(a.currencyCode);
  if (digits === undefined) throw new RangeError(`${a.currencyCode} is not a currency of ISO 4217`);
  const smallest = 10n ** BigInt(9 - digits);
  const divisor = BigInt(denominator) * smallest;
  return amount(a.currencyCode, ((nanosOf(a) * BigInt(numerator) + divisor - 1n) / divisor) * smallest);
}

/** Returns a number below 0 if `a` is less than `b`, above 0 if it is more, else 0. @throws TypeError if the currencies differ */
export function compare(a: Amount, b: Amount): number {
  assertSame(a, b);
  return Number(nanosOf(a) > nanosOf(b)) - Number(nanosOf(a) < nanosOf(b));
}

/** Returns whether two amounts have the same currency and value. */
export function isSame(a: Amount, b: Amount): boolean {
  return a.currencyCode === b.currencyCode && nanosOf(a) === nanosOf(b);
}

/** Returns -1 for a negative amount, 0 for zero and 1 for a positive one. */
export function signOf(a: Amount): number {
  return Number(nanosOf(a) > 0n) - Number(nanosOf(a) < 0n);
}

/** Returns the amount of 0. */
export function zero(currencyCode: string): Amount {
  return { currencyCode, units: 0n, nanos: 0 };
}

/** Returns the sum of amounts of one currency. @throws as `add` */
export function sum(currencyCode: string, amounts: readonly Amount[]): Amount {
  return amounts.reduce(add, zero(currencyCode));
}

/**
 * Parses a decimal number: an optional minus, digits, and at most 9 digits behind a point.
 * @returns undefined for other text, and where the units exceed int64
 */
export function parseMoney(text: string, currencyCode: string): Amount | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,19})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const nanos = BigInt(whole) * nanosPerUnit + BigInt(fraction.padEnd(9, '0'));
  const value = sign === '-' ? -nanos : nanos;
  return isInt64(value / nanosPerUnit) ? amount(currencyCode, value) : undefined;
}

/**
 * Parses a number that is known to be one: from a column, a configuration or a list in the code.
 * @throws Error if it is none
 */
export function amountOf(text: string, currencyCode: string): Amount {
  const parsed = parseMoney(text, currencyCode);
  if (!parsed) throw new Error('an amount of money is not a number');
  return parsed;
}

/**
 * Formats an amount as a decimal number with the digits of its currency, or more where the amount has more: `12.50`. The
 * text is also the input of a numeric column of PostgreSQL.
 */
export function formatMoney({ currencyCode, units, nanos }: Amount): string {
  const fraction = String(Math.abs(nanos)).padStart(9, '0');
  const digits = Math.max(digitsOf(currencyCode) ?? 0, fraction.replace(/0+$/, '').length);
  const sign = units < 0n || nanos < 0 ? '-' : '';
  const whole = String(units < 0n ? -units : units);
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole}.${fraction.slice(0, digits)}`;
}

/** Returns whether an amount has no more digits than its currency. False for a currency that ISO 4217 does not know. */
export function hasCurrencyDigits({ currencyCode, nanos }: Amount): boolean {
  const digits = digitsOf(currencyCode);
  return digits !== undefined && nanos % 10 ** (9 - digits) === 0;
}

/** The amount in billionths of a unit. */
function nanosOf({ units, nanos }: Amount): bigint {
  return units * nanosPerUnit + BigInt(nanos);
}

function amount(currencyCode: string, nanos: bigint): Amount {
  const units = nanos / nanosPerUnit;
  if (!isInt64(units)) throw new RangeError('the amount has more units than an int64 holds');
  return { currencyCode, units, nanos: Number(nanos % nanosPerUnit) };
}

function isInt64(units: bigint): boolean {
  return units >= minUnits && units <= maxUnits;
}

function assertSame(a: Amount, b: Amount): void {
  if (a.currencyCode !== b.currencyCode) throw new TypeError('the amounts have different currencies');
}
