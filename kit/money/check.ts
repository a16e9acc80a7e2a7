import { failure } from '#kit/errors/failure.ts';
import { digitsOf } from './currencies.ts';
import { type Amount, hasCurrencyDigits, signOf } from './money.ts';

/**
 * Checks what the rules in the proto cannot: the currency is known to ISO 4217, the amount is above 0 and has no more
 * digits than its currency.
 * @param field path of the field in the request, in the proto's names
 * @throws INVALID_ARGUMENT naming the field
 */
export function assertPayable(field: string, amount: Amount): void {
  assertCurrency(`${field}.currency_code`, amount.currencyCode);
  if (signOf(amount) <= 0) invalid(field, 'must be above 0', 'AMOUNT_NOT_POSITIVE');
  if (!hasCurrencyDigits(amount)) invalid(field, 'must have no more digits than its currency', 'AMOUNT_DIGITS');
}

/** Checks that ISO 4217 knows a currency. @throws INVALID_ARGUMENT naming the field */
export function assertCurrency(field: string, currencyCode: string): void {
  if (digitsOf(currencyCode) === undefined) invalid(field, 'must be a currency of ISO 4217', 'UNKNOWN_CURRENCY');
}

function invalid(field: string, description: string, reason: string): never {
  throw failure('INVALID_ARGUMENT', { fields: [{ field, description, reason }] });
}
