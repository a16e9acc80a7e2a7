import { isUtf8 } from 'node:buffer';
import { failure } from '#kit/errors/failure.ts';

/** Deepest nesting of objects and arrays in a request body. */
export const maxDepth = 100;

/**
 * Makes text of a JSON body's bytes: strict UTF-8 without a byte order mark,
 * nested at most `maxDepth` deep, no half of a surrogate pair written as an
 * escape (proto3 strings are Unicode). Looked at before parsing, in one pass.
 * Throws INVALID_ARGUMENT. Whether it is JSON at all is the parser's business.
 */
export function jsonText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw refused('Not valid UTF-8.');
  const text = bytes.toString('utf8');
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) i = endOfString(text, i);
    else if (char === openBrace || char === openBracket) {
      depth += 1;
      if (depth > maxDepth) throw refused(`Nested deeper than ${maxDepth}.`);
    } else if (char === closeBrace || char === closeBracket) depth -= 1;
  }
  return text;
}

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

const highEscape = /\\u[dD][89abAB][0-9a-fA-F]{2}/y;
const lowEscape = /\\u[dD][c-fC-F][0-9a-fA-F]{2}/y;

/** Index of the quote that closes the string opened at `open`, or the text's end. */
function endOfString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) return i;
    if (char !== backslash) continue;
    if (matchAt(highEscape, text, i)) {
      if (!matchAt(lowEscape, text, i + 6)) throw refused('Half of a surrogate pair.');
      i += 11;
    } else if (matchAt(lowEscape, text, i)) {
      throw refused('Half of a surrogate pair.');
    } else i += 1;
  }
  return text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

function refused(description: string): Error {
  return failure('INVALID_ARGUMENT', { fields: [{ field: '$body', description }] });
}
