const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Deepest nesting that is read. */
export const maxDepth = 32;

/**
 * Parses JSON in UTF-8 and freezes all of it. Throws SyntaxError or TypeError on
 * what is not JSON or not UTF-8, on what is nested too deeply, and on an object
 * that has a name twice: parsers disagree on which of the two counts (RFC 8259
 * section 4, RFC 7519 section 4).
 */
export function parseStrictly(bytes: Uint8Array): unknown {
  const text = utf8.decode(bytes);
  const value: unknown = JSON.parse(text);
  checkNames(text);
  return freeze(value);
}

/** Tells an object from everything else that JSON has. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** Walks text that is known to be JSON: a string before a colon is a name of the innermost object. */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [part] of text.matchAll(token)) {
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (part === ':') {
      const names = open.at(-1);
      // "sub" and "\u0073ub" are one name.
      const name = JSON.parse(last) as string;
      if (names?.has(name)) throw new SyntaxError('An object has a name twice.');
      names?.add(name);
    }
    if (open.length > maxDepth) throw new SyntaxError('Nested too deeply.');
    last = part;
  }
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}
