import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { assertOwned, serviceReasons } from './reasons.ts';

const taken = { TAKEN: { code: Code.AlreadyExists, status: 409, title: 'It is taken.' } };

test('refuses a reason that two services define', () => {
  expect(() => assertOwned([['cart', taken]])).not.toThrow();
  expect(() =>
    assertOwned([
      ['cart', taken],
      ['ride', taken],
    ]),
  ).toThrow('both cart and ride define the reason TAKEN');
});

test('finds the reasons of every service', async () => {
  expect((await serviceReasons()).map(([service]) => service)).toEqual(expect.arrayContaining(['auth', 'edge']));
});
