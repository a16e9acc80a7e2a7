import { expect, test } from 'vitest';
import { root } from './check.ts';
import { machineFault } from './machine.ts';

// Assembled, so that the check does not report this test.
const home = (user: string) => ['', 'home', user, 'src'].join('/');

test.each([
  ['a home', `see ${home('jane')}`, 'a path of a user directory'],
  ['a home on a Mac', `file://${['', 'Users', 'jane', 'src'].join('/')}`, 'a path of a user directory'],
  ["root's home", ['cd ', 'root', '.npm'].join('/'), 'a path of a user directory'],
  ['a registry', JSON.stringify({ resolved: 'https://example.com' }, null, 2), 'the address of a package registry'],
])('refuses %s', (_, text, fault) => {
  expect(machineFault(text)).toBe(fault);
});

test('refuses the path of this clone, unless it is too short to be distinctive', () => {
  const expected = root.split('/').length > 3 ? 'a path of this machine' : undefined;
  expect(machineFault(`in ${root}kit`)).toBe(expected);
});

test.each(['${root}/gen/', 'docs/home/index.md', "the image's /home/node/app", '/rooted/tree', 'GET /users/profile'])(
  'allows %s',
  (text) => {
    expect(machineFault(text)).toBeUndefined();
  },
);
