/**
 * A header of a raw list of names and values, in lower case; undefined without it.
 * One that came twice is joined by a comma, as Headers does: Node's own `headers`
 * keeps the first Authorization of several and says nothing, and the guard must
 * see that there were two, and refuse.
 */
export function joinedHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== name) continue;
    found = found === undefined ? rawHeaders[at + 1] : `${found}, ${rawHeaders[at + 1]}`;
  }
  return found;
}
