/**
 * Removes the spaces and tabs around a field value (RFC 9110 section 5.5). Not
 * trim(), which removes other whitespace too, and not a pattern: `/[ \t]+$/` takes
 * quadratic time on spaces followed by other text.
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
