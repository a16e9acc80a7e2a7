/**
 * A field value without the spaces and tabs around it (RFC 9110 section 5.5). Not
 * trim(), which takes other kinds of space, and not a pattern: `/[ \t]+$/` takes
 * quadratic time on spaces that something follows.
 */
export function trimWhitespace(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhitespace(value.charCodeAt(start))) start += 1;
  while (end > start && isWhitespace(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
