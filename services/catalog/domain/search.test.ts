import { expect, test } from 'vitest';
import { fold, nameKey, searchQuery, searchVector, wordsOf } from './search.ts';

test.each([
  ['Crème BRÛLÉE', 'creme brulee'],
  ['Straße', 'strasse'],
  ['STRASSE', 'strasse'],
  ['Smørrebrød', 'smorrebrod'],
  ['Łódź', 'lodz'],
  ['İstanbul', 'istanbul'],
  ['ＦＵＬＬ', 'full'],
  ['ﬁne', 'fine'],
  ['ΟΔΟΣ', 'οδοσ'],
  ['οδός', 'οδοσ'],
  ['ガラス', 'ガラス'],
  ['한국', '한국'],
])('folds %s to %s', (text, folded) => {
  expect(fold(text)).toBe(folded);
  expect(fold(folded)).toBe(folded);
});

test('splits a text into words of letters and digits', () => {
  expect(wordsOf(`Steel mug, 350 ml -- "MUG-350" it's 1.5l`)).toEqual([
    'steel',
    'mug',
    '350',
    'ml',
    'mug',
    '350',
    'it',
    's',
    '1',
    '5l',
  ]);
  expect(wordsOf(' -- !? ')).toEqual([]);
});

test('a vector has each word once, with the weight of the best text that it is in', () => {
  expect(searchVector({ name: 'Steel mug', category: 'kitchen', sku: 'MUG-350', description: 'A mug of steel.' })).toBe(
    "'steel':1A 'mug':2A 'kitchen':3B '350':5B 'a':6D 'of':8D",
  );
  expect(searchVector({ name: '--', category: '', sku: '.', description: '' })).toBe('');
});

test('a query matches every word, the last one as a prefix', () => {
  expect(searchQuery('Steel mu')).toBe("'steel' & 'mu':*");
  expect(searchQuery("it's")).toBe("'it' & 's':*");
  expect(searchQuery(' !! ')).toBeUndefined();
});

test('cuts words and keys after 100 code points, never within one', () => {
  expect(wordsOf('é'.repeat(100))).toEqual(['e'.repeat(100)]);
  expect(wordsOf('é'.repeat(101))).toEqual(['e'.repeat(100)]);
  const [deseret] = ['\u{10428}'];
  expect(nameKey(deseret.repeat(101))).toBe(deseret.repeat(100));
});
