// @ts-check

/**
 * An amount as the API sends it: whole units as a decimal string, and billionths of a unit of the same sign.
 * @typedef {{ currency_code: string, units: string, nanos: number }} Money
 */

/**
 * Formats an amount exactly: `Intl.NumberFormat` receives a decimal string, so no floating point is involved.
 * @param {Money} money
 * @param {string | string[]} [locales] default: the languages of the browser
 */
export function formatMoney({ currency_code: currency, units, nanos }, locales) {
  const format = new Intl.NumberFormat(locales, { style: 'currency', currency });
  return format.format(decimalOf(units, nanos));
}

/**
 * @param {string} units
 * @param {number} nanos
 * @returns {`${number}`}
 */
function decimalOf(units, nanos) {
  const isNegative = units.startsWith('-') || nanos < 0;
  const fraction = String(Math.abs(nanos)).padStart(9, '0');
  const text = `${isNegative ? '-' : ''}${units.replace('-', '')}.${fraction}`;
  return /** @type {`${number}`} */ (text);
}
