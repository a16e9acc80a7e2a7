import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText, maxDepth } from './json-text.ts';

const textOf = (text: string) => jsonText(Buffer.from(text));

describe('jsonText', () => {
  it(`accepts arrays and objects nested ${maxDepth} deep, not deeper`, () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const nest = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
      expect(textOf(nest(maxDepth))).toBe(nest(maxDepth));
      expect(() => textOf(nest(maxDepth + 1))).toThrow('not valid');
      expect(() => textOf(nest(5000))).toThrow('not valid');
    }
  });

  it('ignores brackets in strings', () => {
    const text = JSON.stringify({ a: '['.repeat(500), b: '\\"{{{[[['.repeat(50), c: '\\' });
    expect(textOf(text)).toBe(text);
  });

  it('counts open brackets only', () => {
    const text = `[${Array.from({ length: 500 }, () => '[{}]').join(',')}]`;
    expect(textOf(text)).toBe(text);
  });

  it.each([
    ['an overlong form', [0x22, 0xc0, 0xaf, 0x22]],
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a truncated sequence', [0x22, 0xe2, 0x82]],
  ])('refuses %s', (_, bytes) => {
    expect(() => jsonText(Buffer.from(bytes))).toThrow('not valid');
  });

  it.each(['"\\ud800"', '"\\udc00"', '"\\uD83D\\u0041"', '"\\uDE00\\uD83D"', '{"\\ud800":1}'])(
    'refuses a lone surrogate in %s',
    (text) => {
      expect(() => textOf(text)).toThrow('not valid');
    },
  );

  it('accepts a surrogate pair, and an escaped backslash before the text of a surrogate', () => {
    expect(textOf('"\\ud83d\\ude00"')).toBe('"\\ud83d\\ude00"');
    expect(textOf('"\\\\ud800"')).toBe('"\\\\ud800"');
  });

  it('accepts any JSON text within the nesting limit', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20, stringUnit: 'grapheme' }), (value) => {
        const text = JSON.stringify(value);
        expect(textOf(text)).toBe(text);
      }),
    );
  });
});
