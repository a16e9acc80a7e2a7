import type { Binding } from './binding.ts';
import type { Segment } from './template.ts';

/**
 * Returns the path in OpenAPI's format. Of a variable with several segments, the
 * leading literals are part of the path and the rest is one parameter.
 */
export function pathOf({ template }: Binding, names: readonly string[]): string {
  const parts: string[] = [];
  let unnamed = 0;
  for (let at = 0; at < template.segments.length;) {
    const variable = template.variables.findIndex(({ start }) => start === at);
    const segment = template.segments[at];
    if (variable !== -1) {
      const end = template.variables[variable]?.end ?? template.segments.length;
      const captured = template.segments.slice(at, end);
      const { literals } = partsOf(captured);
      parts.push(...literals.map(encodeURIComponent));
      if (literals.length < captured.length) parts.push(`{${names[variable] ?? ''}}`);
      at = end;
    } else {
      parts.push(segment?.kind === 'literal' ? encodeURIComponent(segment.text) : `{segment${(unnamed += 1)}}`);
      at += 1;
    }
  }
  return `/${parts.join('/')}${template.verb === '' ? '' : `:${template.verb}`}`;
}

/** Splits segments into their leading literals and the template of the rest. */
export function partsOf(segments: readonly Segment[]): { literals: string[]; rest: string } {
  const open = segments.findIndex(({ kind }) => kind !== 'literal');
  const literals = segments
    .slice(0, open === -1 ? undefined : open)
    .flatMap((part) => (part.kind === 'literal' ? part.text : []));
  const signs = { one: '*', rest: '**' };
  const rest = segments.slice(literals.length).map((part) => (part.kind === 'literal' ? part.text : signs[part.kind]));
  return { literals, rest: rest.join('/') };
}
