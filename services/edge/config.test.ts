import { expect, test } from 'vitest';
import { readConfig } from '#kit/config/config.ts';
import { keys } from './config.ts';

const { redisUrl } = keys;

test.each(['redis://localhost:6379', 'rediss://:secret@cache.example.com:6380/2', undefined])(
  'REDIS_URL may be %s',
  (url) => expect(readConfig({ redisUrl }, url ? { REDIS_URL: url } : {}).redisUrl?.reveal()).toBe(url),
);

test.each(['http://:secret@h', 'redis:6379', 'localhost:6379/secret', 'unix:///secret', '/run/secret.sock'])(
  'REDIS_URL may not be %s, and the error does not contain it',
  (url) => {
    const read = () => readConfig({ redisUrl }, { REDIS_URL: url });
    expect(read).toThrow('REDIS_URL: must be a URL that begins with redis:// or rediss://');
    expect(read).not.toThrow('secret');
  },
);
