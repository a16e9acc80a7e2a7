import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxDepth, parseStrictly } from './json.ts';

const parse = (text: string) => parseStrictly(Buffer.from(text));

test('parses like JSON.parse', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
  );
});

test.each([
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '{"x":{"a":1,"b":{},"a":2}}',
  '[{"a":1},{"b":1,"b":2}]',
  '{"":1,"":2}',
  '{"__proto__":1,"__proto__":2}',
  '{"a\\"":1,"b":":","a\\"":2}',
])('refuses %s', (text) => {
  expect(() => parse(text)).toThrow('Duplicate name');
});

test.each(['{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":"a","b":"a"}', '{"a":["a","a"],"b":"{\\"a\\":1"}'])(
  'accepts %s',
  (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  },
);

test('freezes the result deeply', () => {
  const value = parse('{"a":[{"b":1}]}') as { a: { b: number }[] };
  expect(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0])).toBe(true);
});

test('refuses bytes that are not UTF-8', () => {
  expect(() => parseStrictly(Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toThrow(TypeError);
});

test('treats __proto__ as an ordinary name', () => {
  expect(Object.hasOwn(parse('{"__proto__":1}') as object, '__proto__')).toBe(true);
});

test('accepts nesting up to the maximum depth only', () => {
  const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
  expect(() => parse(nested(maxDepth))).not.toThrow();
  expect(() => parse(`[${nested(maxDepth)}]`)).toThrow('deeply');
});
