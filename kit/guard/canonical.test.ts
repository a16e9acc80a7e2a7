import { describe, expect, test } from 'vitest';
import { maxKeyIdLength, maxTokenLength, readCanonical } from './canonical.ts';
import { refusalReasonOf } from './error.ts';

const form = { algorithms: ['ES256', 'RS256'], types: ['at+jwt'] };
const good = { alg: 'ES256', kid: 'key-1', typ: 'at+jwt' };

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function withHeader(header: unknown): string {
  return `${encode(header)}.e30.AAAA`;
}

/** `read`, or the cause of the refusal. */
function outcome(token: string): string | undefined {
  try {
    readCanonical(token, form);
    return 'read';
  } catch (error) {
    return refusalReasonOf(error);
  }
}

test('reads alg and kid of a token in canonical form', () => {
  expect(readCanonical(withHeader(good), form)).toEqual({ alg: 'ES256', kid: 'key-1' });
});

test('accepts a token of 8 KiB and refuses a longer one', () => {
  const ofLength = (length: number) => {
    const head = encode(good);
    return `${head}.${'A'.repeat(length - head.length - 6)}.AAAA`;
  };
  expect(ofLength(maxTokenLength)).toHaveLength(8_192);
  expect(readCanonical(ofLength(maxTokenLength), form).kid).toBe('key-1');
  expect(outcome(ofLength(maxTokenLength + 1))).toBe('INVALID_TOKEN');
});

describe('refuses', () => {
  const [head = '', payload = '', signature = ''] = withHeader(good).split('.');
  const cases: Record<string, string> = {
    'an empty string': '',
    'two segments': `${head}.${payload}`,
    'four segments': `${head}.${payload}.${signature}.AAAA`,
    'five segments, a JWE': `${head}.AAAA.AAAA.AAAA.AAAA`,
    'an empty header': `.${payload}.${signature}`,
    'an empty payload': `${head}..${signature}`,
    'an empty signature': `${head}.${payload}.`,
    padding: `${head}.e30=.${signature}`,
    'a plus of plain base64': `${head}.ab+d.${signature}`,
    'a slash of plain base64': `${head}.ab/d.${signature}`,
    'an inner space': `${head}.e3 0.${signature}`,
    'a leading space': ` ${head}.${payload}.${signature}`,
    'a trailing newline': `${head}.${payload}.${signature}\n`,
    'a NUL': `${head}.${payload}.AAA\0`,
    'a character that only looks like a letter': `${head}.${payload}.AA\u0410A`,
    'a segment of length 1 modulo 4': `${head}.${payload}.AAAAA`,
    'unused bits of two characters': `${head}.${payload}.AB`,
    'unused bits of three characters': `${head}.${payload}.AAB`,
    'a header that is not JSON': withHeader('{'),
    'a header that is not UTF-8': `${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.e30.AAAA`,
    'a header with a byte order mark': withHeader(`\uFEFF${JSON.stringify(good)}`),
    'a header that is an array': withHeader([good]),
    'a header that is null': withHeader('null'),
    'a header with alg twice': withHeader('{"alg":"none","alg":"ES256","kid":"key-1","typ":"at+jwt"}'),
    'a header with kid twice, once escaped': withHeader('{"alg":"ES256","kid":"a","k\\u0069d":"b","typ":"at+jwt"}'),
    'a nested name twice': withHeader('{"alg":"ES256","kid":"a","typ":"at+jwt","jwk":{"x":1,"x":2}}'),
    'no alg': withHeader({ ...good, alg: undefined }),
    'alg none': withHeader({ ...good, alg: 'none' }),
    'alg None': withHeader({ ...good, alg: 'None' }),
    'alg in a list': withHeader({ ...good, alg: ['ES256'] }),
    'an alg that is not configured': withHeader({ ...good, alg: 'HS256' }),
    'an alg in another letter case': withHeader({ ...good, alg: 'es256' }),
    'no kid': withHeader({ ...good, kid: undefined }),
    'an empty kid': withHeader({ ...good, kid: '' }),
    'a kid that is a number': withHeader({ ...good, kid: 1 }),
    'a kid that is an object': withHeader({ ...good, kid: {} }),
    'a kid that is too long': withHeader({ ...good, kid: 'k'.repeat(maxKeyIdLength + 1) }),
    'no typ': withHeader({ ...good, typ: undefined }),
    'an empty typ': withHeader({ ...good, typ: '' }),
    'typ JWT': withHeader({ ...good, typ: 'JWT' }),
    'a typ that is not a string': withHeader({ ...good, typ: ['at+jwt'] }),
    'typ text/at+jwt': withHeader({ ...good, typ: 'text/at+jwt' }),
    crit: withHeader({ ...good, crit: ['exp'], exp: 1 }),
    'an empty crit': withHeader({ ...good, crit: [] }),
    b64: withHeader({ ...good, b64: true }),
  };
  test.each(Object.entries(cases))('%s', (_, token) => {
    expect(outcome(token)).toBe('INVALID_TOKEN');
  });
});

test.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])('accepts typ %s', (typ) => {
  expect(readCanonical(withHeader({ ...good, typ }), form).kid).toBe('key-1');
});

test('accepts a kid of the maximum length', () => {
  const kid = 'k'.repeat(maxKeyIdLength);
  expect(readCanonical(withHeader({ ...good, kid }), form).kid).toBe(kid);
});

test('accepts a token without typ only if configured', () => {
  const untyped = withHeader({ ...good, typ: undefined });
  expect(readCanonical(untyped, { ...form, types: ['at+jwt', ''] }).kid).toBe('key-1');
});

test('accepts only canonical last characters', () => {
  const canonical = new Set(Array.from({ length: 256 }, (_, byte) => Buffer.from([byte]).toString('base64url')));
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const pairs = Array.from(alphabet).flatMap((a) => Array.from(alphabet, (b) => a + b));
  const read = pairs.filter((pair) => outcome(`${encode(good)}.e30.${pair}`) === 'read');
  expect(new Set(read)).toEqual(canonical);
});
