// @ts-check

/** @typedef {import('./api.js').Position} Position */

/** Mean radius of the earth (IUGG), meters. */
const earthRadius = 6_371_008.8;

/** @param {number} degrees */
const radians = (degrees) => (degrees * Math.PI) / 180;

/**
 * The length of the great circle between two positions, meters.
 * @param {Position} a
 * @param {Position} b
 */
export function metersBetween(a, b) {
  const north = Math.sin(radians(b.latitude - a.latitude) / 2);
  const east = Math.sin(radians(b.longitude - a.longitude) / 2);
  const haversine = north ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * east ** 2;
  // Rounding may bring it past 1 between antipodes.
  return 2 * earthRadius * Math.asin(Math.min(1, Math.sqrt(haversine)));
}

/**
 * The next position on the straight line to an end.
 * @param {Position} from
 * @param {Position} to
 * @param {number} meters length of the step; the end is not passed
 * @returns {Position}
 */
export function stepTowards(from, to, meters) {
  const whole = metersBetween(from, to);
  if (whole <= meters) return { latitude: to.latitude, longitude: to.longitude };
  const part = meters / whole;
  return rounded({
    latitude: from.latitude + (to.latitude - from.latitude) * part,
    longitude: from.longitude + (to.longitude - from.longitude) * part,
  });
}

/**
 * A position on the earth with five digits, which are about a meter.
 * @param {Position} position
 * @returns {Position}
 */
export function rounded({ latitude, longitude }) {
  return { latitude: within(latitude, 90), longitude: within(longitude, 180) };
}

/**
 * @param {number} degrees
 * @param {number} limit
 */
const within = (degrees, limit) => Number(Math.min(limit, Math.max(-limit, degrees)).toFixed(5));

/**
 * A distance as text: in steps of ten meters, from 1 km on in tenths of a kilometer.
 * @param {number} meters
 * @param {string | string[]} [locales] default: the languages of the browser
 */
export function formatDistance(meters, locales) {
  const tens = Math.round(meters / 10) * 10;
  const [value, unit] = tens < 1000 ? [tens, 'meter'] : [meters / 1000, 'kilometer'];
  return new Intl.NumberFormat(locales, { style: 'unit', unit, maximumFractionDigits: 1 }).format(value);
}
