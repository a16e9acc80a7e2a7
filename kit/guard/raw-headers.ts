/**
 * Returns a header from Node's raw list of names and values, undefined if missing.
 * Repeated values are joined with a comma, as `Headers` does: Node's `headers`
 * silently keeps only the first Authorization header, and the guard must reject a
 * repeated one.
 * @param name in lower case
 */
export function joinedHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== name) continue;
    found = found === undefined ? rawHeaders[at + 1] : `${found}, ${rawHeaders[at + 1]}`;
  }
  return found;
}
