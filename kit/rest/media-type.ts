/**
 * The only accepted media type: application/json, optionally with charset=utf-8.
 * The whole value must match (CVE-2026-25223: a tab after the type passed a check
 * of the prefix).
 */
const jsonMediaType = /^application\/json(?: *; *charset=(?:utf-8|"utf-8"))?$/i;

/** Returns whether a Content-Type value is the accepted media type. */
export function isJsonMediaType(value: string): boolean {
  return jsonMediaType.test(value);
}
