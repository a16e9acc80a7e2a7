import { isUtf8 } from 'node:buffer';
import { failure } from '#kit/errors/failure.ts';

/** Maximum nesting depth of objects and arrays in a request body. */
export const maxDepth = 100;

/**
 * Decodes the bytes of a JSON body: strict UTF-8, nested at most `maxDepth` deep,
 * without an escaped lone surrogate (proto3 strings are Unicode). Checks this in one
 * pass before parsing; the parser then checks the JSON syntax.
 * @throws INVALID_ARGUMENT
 */
export function jsonText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw refused('Not valid UTF-8.', 'NOT_UTF8');
  const text = bytes.toString('utf8');
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) i = endOfString(text, i);
    else if (char === openBrace || char === openBracket) {
      depth += 1;
      if (depth > maxDepth) throw refused(`Nested more than ${maxDepth} deep.`, 'TOO_DEEP');
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

/** Returns the index of the quote that closes the string opened at `open`, or the text's end. */
function endOfString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === quote) return i;
    if (char !== backslash) continue;
    if (matchAt(highEscape, text, i)) {
      if (!matchAt(lowEscape, text, i + 6)) throw refused('Must not contain a lone surrogate.', 'LONE_SURROGATE');
      i += 11;
    } else if (matchAt(lowEscape, text, i)) {
      throw refused('Must not contain a lone surrogate.', 'LONE_SURROGATE');
    } else i += 1;
  }
  return text.length;
}

function matchAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

function refused(description: string, reason: string): Error {
  return failure('INVALID_ARGUMENT', { fields: [{ field: '$body', description, reason }] });
}
