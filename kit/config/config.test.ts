import { describe, expect, test } from 'vitest';
import { ConfigError, key, readConfig, readConfigs } from './config.ts';
import {
  baseUrl,
  duration,
  issuerUrl,
  list,
  networks,
  onOff,
  oneOf,
  origins,
  port,
  positiveDuration,
  secret,
  text,
  url,
  whole,
} from './types.ts';

const keys = {
  ttl: key('TTL', positiveDuration, { default: '15m', doc: '' }),
  level: key('LEVEL', oneOf('info', 'warn'), { default: 'info', doc: '' }),
  password: key('PASSWORD', secret, { doc: '' }),
  label: key('LABEL', text, { optional: true, doc: '' }),
} as const;

test('reads values, defaults and optional keys, frozen', () => {
  const config = readConfig(keys, { PASSWORD: 'hunter2', LEVEL: 'warn', LABEL: '' });
  expect([config.ttl, config.level, config.password.reveal(), config.label]).toEqual([
    900_000,
    'warn',
    'hunter2',
    undefined,
  ]);
  expect(Object.isFrozen(config)).toBe(true);
});

test('names all invalid keys, without values', () => {
  const read = () => readConfig(keys, { TTL: 'for-ever', LEVEL: 'loud' });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/TTL: .*\n.*LEVEL: .*\n.*PASSWORD: must be set/);
  expect(read).not.toThrow(/for-ever|loud/);
});

test.each([
  ['"hunter2"', 'PASSWORD: must not have quotation marks around it'],
  ["'hunter2'", 'PASSWORD: must not have quotation marks around it'],
  ['hunter2\r', 'PASSWORD: must not have spaces or line breaks around it'],
  [' hunter2', 'PASSWORD: must not have spaces or line breaks around it'],
])('refuses %j, as files of variables that are not shells pass it on', (PASSWORD, message) => {
  expect(() => readConfig(keys, { PASSWORD })).toThrow(`configuration:\n  ${message}`);
});

test('reads values with quotation marks and spaces in them', () => {
  for (const PASSWORD of [`it's "quoted"`, '"', 'a b', `'a"`]) {
    expect(readConfig(keys, { PASSWORD }).password.reveal()).toBe(PASSWORD);
  }
});

test('reads several services, and names a shared key once', () => {
  const services = { a: keys, b: keys };
  expect(readConfigs(services, () => ({ PASSWORD: 'x', TTL: '1s' })).b.ttl).toBe(1_000);
  const read = () => readConfigs(services, () => ({ PASSWORD: 'x', TTL: 'never' }));
  expect(read).toThrow(/^configuration:\n {2}TTL: [^\n]+$/);
});

test('reads each service from its own environment', () => {
  const configs = readConfigs({ a: keys, b: keys }, (name) => ({ PASSWORD: 'x', TTL: name === 'a' ? '1s' : '2s' }));
  expect([configs.a.ttl, configs.b.ttl]).toEqual([1_000, 2_000]);
});

describe('types', () => {
  test.each([
    [duration, '500ms', 500],
    [duration, '10s', 10_000],
    [duration, '15m', 900_000],
    [duration, '12h', 43_200_000],
    [duration, '7d', 604_800_000],
    [duration, '0s', 0],
    [port, '0', 0],
    [port, '65535', 65_535],
    [whole(8, 64), '8', 8],
    [whole(8, 64), '64', 64],
    [list, 'a, b,,c ', ['a', 'b', 'c']],
    [list, '', []],
    [baseUrl, 'https://id.example.com/', 'https://id.example.com'],
    [baseUrl, 'https://example.com/mail/', 'https://example.com/mail'],
    [issuerUrl, 'https://id.example.com/', 'https://id.example.com'],
    [issuerUrl, 'http://localhost:8080', 'http://localhost:8080'],
    [onOff, 'off', false],
    [onOff, 'on', true],
    [origins, 'https://a.example, http://localhost:3000', ['https://a.example', 'http://localhost:3000']],
    [networks, '10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
    [url('postgres'), 'postgres://u:p@h/d', 'postgres://u:p@h/d'],
  ])('%# reads %j', (schema, written, value) => expect(schema.parse(written)).toEqual(value));

  test.each([
    [duration, '10'],
    [duration, '10 s'],
    [duration, '-1s'],
    [duration, '1.5h'],
    [positiveDuration, '0s'],
    [port, '65536'],
    [port, '-1'],
    [port, '80a'],
    [whole(8, 64), '7'],
    [whole(8, 64), '65'],
    [whole(8, 64), '1e1'],
    [baseUrl, 'id.example.com'],
    [baseUrl, 'ftp://id.example.com'],
    [issuerUrl, 'id.example.com'],
    [issuerUrl, 'https://example.com/id'],
    [issuerUrl, 'https://example.com?a'],
    [issuerUrl, 'https://Id.example.com'],
    [issuerUrl, 'https://id.example.com:443'],
    [issuerUrl, 'https://user@id.example.com'],
    [url('postgres'), 'mysql://h/d'],
    [url('postgres'), 'postgres:5432'],
    [url('postgres'), 'postgres:/h/d'],
    [oneOf('a', 'b'), 'c'],
    [onOff, 'true'],
    [origins, '*'],
    [origins, 'https://a.example/'],
    [origins, 'https://A.example'],
    [networks, 'nonsense'],
    [networks, '10.0.0.0/8/9'],
    [networks, '10.0.0.0/33'],
    [networks, '2001:db8::/129'],
    [networks, '0.0.0.0/0'],
    [networks, 'fe80::1%eth0'],
  ])('%# refuses %j', (schema, written) => expect(schema.safeParse(written).success).toBe(false));
});
