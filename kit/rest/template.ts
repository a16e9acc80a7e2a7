/** One segment of a template: text, `*` (one segment) or `**` (all remaining segments). */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'rest' };

/** A variable of a template and the segments that it captures. */
export interface Variable {
  /** Names of the field path: `{nested.label}` is `['nested', 'label']`. */
  readonly fieldPath: readonly string[];
  /** First segment captured. */
  readonly start: number;
  /** One past the last segment captured; undefined if `**` captures to the end. */
  readonly end: number | undefined;
  /** Whether it captures exactly one segment, so that its value is fully decoded. */
  readonly single: boolean;
}

/** A parsed path template. */
export interface Template {
  /** Text in the proto. */
  readonly text: string;
  readonly segments: readonly Segment[];
  readonly variables: readonly Variable[];
  /** Text after the colon, decoded; empty without a verb. */
  readonly verb: string;
}

const literalPattern = /(?:[A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+/y;
const identPattern = /[A-Za-z_][A-Za-z0-9_]*/y;

/**
 * Parses a path template of google.api.http (grammar: google/api/http.proto).
 * @throws Error with the template and the position of the fault, which stops the start
 */
export function parseTemplate(text: string): Template {
  const segments: Segment[] = [];
  const variables: Variable[] = [];
  let at = 0;

  function fail(what: string): never {
    throw new Error(`path template "${text}": ${what} at position ${at}`);
  }
  function expect(char: string): void {
    if (text[at] !== char) fail(`"${char}" expected`);
    at += 1;
  }
  function take(pattern: RegExp, what: string): string {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) fail(`${what} expected`);
    at += found.length;
    return found;
  }
  function literal(): string {
    const found = take(literalPattern, 'a segment');
    try {
      return decodeURIComponent(found);
    } catch {
      return fail('percent-encoded UTF-8 expected before');
    }
  }
  function segment(): void {
    if (segments.at(-1)?.kind === 'rest') fail('nothing may follow "**"');
    if (text.startsWith('**', at)) {
      at += 2;
      segments.push({ kind: 'rest' });
    } else if (text[at] === '*') {
      at += 1;
      segments.push({ kind: 'one' });
    } else {
      segments.push({ kind: 'literal', text: literal() });
    }
  }
  function variable(): void {
    expect('{');
    const start = segments.length;
    const fieldPath = [take(identPattern, 'a field name')];
    while (text[at] === '.') {
      at += 1;
      fieldPath.push(take(identPattern, 'a field name'));
    }
    if (text[at] === '=') {
      at += 1;
      segment();
      while (text[at] === '/') {
        at += 1;
        segment();
      }
    } else {
      if (segments.at(-1)?.kind === 'rest') fail('nothing may follow "**"');
      segments.push({ kind: 'one' });
    }
    expect('}');
    const name = fieldPath.join('.');
    if (variables.some((other) => other.fieldPath.join('.') === name)) fail(`duplicate {${name}}`);
    const open = segments.at(-1)?.kind === 'rest';
    variables.push({
      fieldPath,
      start,
      end: open ? undefined : segments.length,
      single: !open && segments.length - start === 1,
    });
  }

  do {
    expect('/');
    if (text[at] === '{') variable();
    else segment();
  } while (text[at] === '/');
  let verb = '';
  if (text[at] === ':') {
    at += 1;
    verb = literal();
  }
  if (at !== text.length) fail('end expected');
  return { text, segments, variables, verb };
}
