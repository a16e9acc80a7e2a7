import { expect, test } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { changesOf } from './field-mask.ts';

interface Thing {
  readonly name: string;
  readonly pageUrl: string;
  readonly active: boolean;
}
const cleared = { name: undefined, page_url: '', active: undefined } as const;
const change = (set: Partial<Thing>, mask?: readonly string[]) => changesOf<Thing>(set, mask, cleared);

function faultOf(set: Partial<Thing>, mask: readonly string[]): unknown {
  try {
    return change(set, mask);
  } catch (error) {
    return [reasonOf(error), violationsOf(error)[0]?.field];
  }
}

test('without a mask, the fields that are set change', () => {
  expect(change({ name: 'a', active: false })).toEqual({ name: 'a', active: false });
  expect(changesOf<Thing>({ name: undefined, pageUrl: '' }, undefined, cleared)).toEqual({ pageUrl: '' });
});

test('with a mask, only its fields change, and those that are not set are cleared', () => {
  expect(change({ name: 'a', active: false }, ['active'])).toEqual({ active: false });
  expect(change({ name: 'a' }, ['name', 'page_url'])).toEqual({ name: 'a', pageUrl: '' });
  expect(change({ name: 'a' }, []), 'an empty mask is none').toEqual({ name: 'a' });
});

test('refuses a mask with an unknown field, also one of every object, or the name of the code', () => {
  for (const path of ['id', '', '*', 'pageUrl', 'toString', '__proto__', 'name.first']) {
    expect(faultOf({ name: 'a' }, ['name', path]), path).toEqual(['INVALID_ARGUMENT', 'update_mask']);
  }
});

test('refuses to clear a field that has no empty value', () => {
  expect(faultOf({}, ['name'])).toEqual(['INVALID_ARGUMENT', 'name']);
  expect(faultOf({ name: 'a' }, ['active'])).toEqual(['INVALID_ARGUMENT', 'active']);
});
