import { describe, expect, test } from 'vitest';
import { addressOf, trustIn } from './peer-address.ts';

describe('the client address', () => {
  test.each([
    [['127.0.0.1'], '127.0.0.1'],
    [['127.0.0.1', '192.0.2.1'], '192.0.2.1'],
    [['127.0.0.1', '192.0.2.1:5678'], '192.0.2.1'],
    [['127.0.0.1', '[2001:db8::1]:443'], '2001:db8::1'],
    [['127.0.0.1', '[2001:db8::1]'], '2001:db8::1'],
    [['127.0.0.1', 'fe80::1%eth0'], 'fe80::1'],
    [['fe80::1%eth0', 'unknown'], 'fe80::1'],
    [['127.0.0.1', 'nonsense'], '127.0.0.1'],
    [['127.0.0.1', '10.0.0.1', '_hidden'], '10.0.0.1'],
    [['127.0.0.1', '192.0.2.001'], '127.0.0.1'],
    [['127.0.0.1', '0x7f000001'], '127.0.0.1'],
    [['127.0.0.1', '3221225985'], '127.0.0.1'],
    [['127.0.0.1', '192.0.2.1:'], '127.0.0.1'],
    [['127.0.0.1', '[192.0.2.1'], '127.0.0.1'],
    [['127.0.0.1', ''], '127.0.0.1'],
  ])('of %j is %s', (ips, address) => expect(addressOf({ ip: ips.at(-1) ?? '', ips })).toBe(address));

  test('without proxies is the connection', () =>
    expect(addressOf({ ip: '::ffff:192.0.2.1' })).toBe('::ffff:192.0.2.1'));
});

describe('a trusted proxy', () => {
  const isOurs = trustIn(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
  test.each([
    '10.1.2.3',
    '::ffff:10.1.2.3',
    '10.1.2.3:80',
    '192.0.2.7',
    '2001:DB8:1::1',
    '[2001:db8::1]:80',
    '::1',
    '0:0::1',
  ])('is %s', (address) => expect(isOurs(address)).toBe(true));
  test.each([
    '11.0.0.1',
    '192.0.2.8',
    '2001:db9::1',
    '::2',
    'nonsense',
    '',
    '0xa000001',
    '167772161',
    '010.0.0.1',
    '10.1',
  ])('is not %j', (address) => expect(isOurs(address)).toBe(false));
});

test('a closed connection has no address', () => {
  expect(addressOf({ ip: undefined })).toBe('');
  expect(addressOf({ ip: undefined, ips: [undefined] })).toBe('');
});
