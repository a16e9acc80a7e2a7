/** Date, time, and offset: ISO 8601, or as PostgreSQL and MySQL print it. Without an offset, the time is UTC. */
const pattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(\.\d+)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/** Parses a date of an export; undefined if it is none. */
export function dateOf(value: unknown): Date | undefined {
  if (typeof value !== 'string') return undefined;
  const [, day, time = '00:00:00', fraction = '', offset = 'Z'] = pattern.exec(value.trim()) ?? [];
  if (day === undefined) return undefined;
  const zone = /^[+-]\d\d$/.test(offset) ? `${offset}:00` : offset;
  return valid(new Date(`${day}T${time}${fraction.slice(0, 4)}${zone.toUpperCase()}`));
}

/** Converts milliseconds since 1970, also as a text; undefined if it is none. */
export function dateOfMillis(value: unknown): Date | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d{1,15}$/.test(value))) return undefined;
  return valid(new Date(Number(value)));
}

function valid(date: Date): Date | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date;
}
