import { describe, expect, test } from 'vitest';
import { parseTarget } from './addresses.ts';

describe('a target', () => {
  test.each([
    ['127.0.0.1:8082', '127.0.0.1:8082', ['127.0.0.1 8082']],
    ['[::1]:8082', '[::1]:8082', ['::1 8082']],
    ['dns:127.0.0.1:1', '127.0.0.1:1', ['127.0.0.1 1']],
    ['dns:///127.0.0.1:1', '127.0.0.1:1', ['127.0.0.1 1']],
    ['ipv4:10.0.0.5:9081,10.0.0.6:9082', '10.0.0.5:9081', ['10.0.0.5 9081', '10.0.0.6 9082']],
    ['ipv6:[::1]:9081', '[::1]:9081', ['::1 9081']],
  ])('%s', async (text, authority, addresses) => {
    const target = parseTarget(text);
    expect(target?.authority).toBe(authority);
    expect((await target?.resolve())?.map(({ host, port }) => `${host} ${port}`)).toEqual(addresses);
  });

  test('may be a name', async () => {
    expect(await parseTarget('localhost:65535')?.resolve()).toContainEqual({ host: '127.0.0.1', port: 65_535 });
  });

  test.each([
    '',
    'user',
    'user:',
    'user:0',
    'user:65536',
    'http://user:1',
    '::1:80',
    'a b:1x',
    'unix:/tmp/x',
    'ipv4:user:1',
    'ipv4:[::1]:1',
    'ipv4:',
  ])('%j is left to grpc-js', (text) => {
    expect(parseTarget(text)).toBeUndefined();
  });
});
