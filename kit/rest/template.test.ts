import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTemplate } from './template.ts';

describe('parseTemplate', () => {
  it('reads literals, wildcards, variables and a verb', () => {
    expect(parseTemplate('/v1/{name=shelves/*/books/**}:read')).toEqual({
      text: '/v1/{name=shelves/*/books/**}:read',
      segments: [
        { kind: 'literal', text: 'v1' },
        { kind: 'literal', text: 'shelves' },
        { kind: 'one' },
        { kind: 'literal', text: 'books' },
        { kind: 'rest' },
      ],
      variables: [{ fieldPath: ['name'], start: 1, end: undefined, single: false }],
      verb: 'read',
    });
  });

  it('treats a variable without a template as one segment', () => {
    expect(parseTemplate('/{a.b_c}/*').variables).toEqual([
      { fieldPath: ['a', 'b_c'], start: 0, end: 1, single: true },
    ]);
    expect(parseTemplate('/{a=x/*}/y').variables).toEqual([{ fieldPath: ['a'], start: 0, end: 2, single: false }]);
  });

  it('decodes a literal', () => {
    expect(parseTemplate('/a%20b').segments).toEqual([{ kind: 'literal', text: 'a b' }]);
  });

  it.each([
    ['', 'expected'],
    ['v1', '"/" expected'],
    ['/', 'a segment expected'],
    ['/v1/', 'a segment expected'],
    ['/v1//x', 'a segment expected'],
    ['/v1/**/x', 'nothing may follow "\\*\\*"'],
    ['/v1/{a=**}/{b}', 'nothing may follow "\\*\\*"'],
    ['/{a={b}}', 'a segment expected'],
    ['/{a', '"}" expected'],
    ['/{}', 'a field name expected'],
    ['/{a.}', 'a field name expected'],
    ['/{1a}', 'a field name expected'],
    ['/{a}/{a}', 'duplicate {a}'],
    ['/{a}b', 'end expected'],
    ['/a:b/c', 'end expected'],
    ['/a:', 'a segment expected'],
    ['/a b', 'end expected'],
    ['/a%zz', 'end expected'],
    ['/a%ff', 'percent-encoded UTF-8 expected'],
    ['/***', 'end expected'],
  ])('refuses %j and quotes it', (text, what) => {
    expect(() => parseTemplate(text)).toThrow(new RegExp(what));
    expect(() => parseTemplate(text)).toThrow(`path template "${text}"`);
  });

  it('throws only its own error', () => {
    const pieces = fc.constantFrom('/', '*', '**', '{', '}', '=', '.', ':', 'a', 'b_1', '%20', '%', '%ff', ' ', 'é');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        let outcome: string;
        try {
          const { segments, variables } = parseTemplate(parts.join(''));
          const sound =
            segments.length > 0 &&
            segments.slice(0, -1).every(({ kind }) => kind !== 'rest') &&
            variables.every(({ start, end = segments.length }) => end > start);
          outcome = sound ? 'path template "' : 'not sound';
        } catch (error) {
          outcome = (error as Error).message;
        }
        expect(outcome).toContain('path template "');
      }),
    );
  });
});
