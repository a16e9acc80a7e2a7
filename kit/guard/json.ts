const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Maximum nesting depth. */
export const maxDepth = 32;

/**
 * Parses JSON in UTF-8 and freezes the result deeply. Duplicate names are an
 * error, because parsers disagree on which one counts (RFC 8259 section 4, RFC
 * 7519 section 4).
 * @throws SyntaxError on invalid JSON, a duplicate name or too deep nesting
 * @throws TypeError on invalid UTF-8
 */
export function parseStrictly(bytes: Uint8Array): unknown {
  const text = utf8.decode(bytes);
  const value: unknown = JSON.parse(text);
  checkNames(text);
  return freeze(value);
}

/** Returns whether a JSON value is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** Checks valid JSON for duplicate names. A string before a colon is a name of the innermost object. */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [part] of text.matchAll(token)) {
    if (part === '{') open.push(new Set());
    else if (part === '[') open.push(undefined);
    else if (part === '}' || part === ']') open.pop();
    else if (part === ':') {
      const names = open.at(-1);
      // Unescaped first: "sub" and "\u0073ub" are the same name.
      const name = JSON.parse(last) as string;
      if (names?.has(name)) throw new SyntaxError('Duplicate name in an object.');
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
