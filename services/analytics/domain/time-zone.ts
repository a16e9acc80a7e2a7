/** Names of the IANA database that have no area. Intl knows further ones (PST, IST), which are not of that database. */
const plainNames = new Set(
  `CET CST6CDT Cuba EET Egypt Eire EST EST5EDT GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich Hongkong HST Iceland Iran Israel
   Jamaica Japan Kwajalein Libya MET MST MST7MDT Navajo NZ NZ-CHAT Poland Portugal PRC PST8PDT ROC ROK Singapore Turkey UCT
   Universal UTC W-SU WET Zulu`
    .toLowerCase()
    .split(/\s+/),
);

/** Returns the offset from UTC at a time, both in ms. */
export type Offset = (time: number) => number;

/**
 * Returns the offsets of a time zone; undefined if the name is not one of the IANA database. Upper and lower case do not
 * matter.
 */
export function offsetsOf(name: string): Offset | undefined {
  const lower = name.toLowerCase();
  const isPlain = plainNames.has(lower);
  if (!isPlain && (!/^[a-z]+\//.test(lower) || lower.startsWith('systemv/'))) return undefined;
  // Intl does not know these two of the plain names.
  const known = /^gmt[+-]0$/.test(lower) ? 'UTC' : name;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: known, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
  return (time) => parseOffset(format.format(time));
}

/** Parses the end of a text: GMT, GMT+05:45, or GMT-00:44:30. */
function parseOffset(text: string): number {
  const [, sign, hours, minutes, seconds] = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text) ?? [];
  const size = ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * 1_000;
  return sign === '-' ? -size : size;
}
