import { array, assert, constantFrom, oneof, pre, property, record, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallHeaders } from './call-headers.ts';

const name = constantFrom('a', 'A', 'set-cookie', 'Set-Cookie', 'cookie', 'Content-Type', 'x-b', '', 'a b', 'é', 'a:');
const value = oneof(constantFrom('', ' x ', '\tx', 'a, b', 'é', '\u0100', '__proto__'), string());
const step = oneof(
  record({ how: constantFrom('append', 'set'), name, value }),
  record({ how: constantFrom('delete', 'get', 'has'), name }),
);
type Step = { how: string; name: string; value?: string };

function run(headers: Headers, { how, name: key, value: given }: Step): unknown {
  try {
    return (headers as unknown as Record<string, (...args: unknown[]) => unknown>)[how]!(key, given) ?? 'done';
  } catch (error) {
    return error instanceof TypeError ? 'TypeError' : error;
  }
}

/** Fetch removes line breaks around a value and takes control characters. This class refuses them (RFC 9110 section 5.5). */
const hasControl = (text: string) => /[^\t\P{Cc}]/u.test(text);
const sorted = (headers: Headers) => [...headers].toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));

describe('behaves like Headers', () => {
  test('after any sequence of operations', () => {
    assert(
      property(array(step, { maxLength: 12 }), (steps) => {
        pre(steps.every((one) => !('value' in one) || !hasControl(one.value)));
        const [own, theirs] = [new CallHeaders(), new Headers()];
        for (const one of steps) expect(run(own, one)).toEqual(run(theirs, one));
        expect(sorted(own)).toEqual([...theirs]);
        expect(own.getSetCookie()).toEqual(theirs.getSetCookie());
        expect([...own.keys()].toSorted()).toEqual([...theirs.keys()]);
        expect([...own.values()].toSorted()).toEqual([...theirs.values()].toSorted());
      }),
      { numRuns: 2_000 },
    );
  });

  test.each<[string, HeadersInit]>([
    [
      'pairs',
      [
        ['A', '1'],
        ['a', '2'],
        ['set-cookie', 'x=1'],
        ['set-cookie', 'y=2'],
      ],
    ],
    ['a record', { 'X-A': ' 1 ', cookie: 'a=b' }],
    [
      'Headers',
      new Headers([
        ['a', '1'],
        ['set-cookie', 'x=1'],
        ['set-cookie', 'y=2'],
      ]),
    ],
    [
      'CallHeaders',
      new CallHeaders([
        ['a', '1'],
        ['set-cookie', 'x=1'],
        ['set-cookie', 'y=2'],
      ]),
    ],
  ])('created from %s', (_, init) => {
    expect(sorted(new CallHeaders(init))).toEqual([...new Headers(init)]);
    expect([...new Headers(new CallHeaders(init))]).toEqual([...new Headers(init)]);
  });
});

test('a copy is independent', () => {
  const first = new CallHeaders([
    ['a', '1'],
    ['set-cookie', 'x=1'],
  ]);
  const copy = new CallHeaders(first);
  copy.append('a', '2');
  copy.append('set-cookie', 'y=2');
  expect([...first]).toEqual([
    ['a', '1'],
    ['set-cookie', 'x=1'],
  ]);
});

test('no error quotes a value', () => {
  expect(() => new CallHeaders({ authorization: 'Bearer secret\n.' })).toThrow(/^a header has an invalid value$/);
});

test('refuses control characters except the tab', () => {
  expect(new CallHeaders({ a: 'x\ty' }).get('a')).toBe('x\ty');
  for (const broken of ['a\r\n', '\na', 'a\0b', 'a\nb', 'a\x1fb', 'a\x7f'])
    expect(() => new CallHeaders({ a: broken })).toThrow(TypeError);
});

test('holds its values in no property that a log line would show', () => {
  expect(JSON.stringify(new CallHeaders({ authorization: 'Bearer secret' }))).toBe('{}');
});
