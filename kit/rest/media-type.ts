/**
 * The one media type that a body may have: application/json, with charset=utf-8
 * or nothing after it. The whole value must match (CVE-2026-25223: a tab after
 * the type passed a check that looked at its beginning).
 */
const jsonMediaType = /^application\/json(?: *; *charset=(?:utf-8|"utf-8"))?$/i;

/** Tells whether a Content-Type value is the one media type that is read. */
export function isJsonMediaType(value: string): boolean {
  return jsonMediaType.test(value);
}
