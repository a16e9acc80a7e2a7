import { ConnectError } from '@connectrpc/connect';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reasonOf } from '#kit/errors/failure.ts';
import { createRouter } from './router.ts';
import { parseTemplate } from './template.ts';

function routerOf(...lines: string[]) {
  return createRouter(
    lines.map((line) => {
      const [method = '', path = ''] = line.split(' ');
      return { method, template: parseTemplate(path), name: line, target: line };
    }),
  );
}

function refusal(run: () => unknown): { reason: string | undefined; allow: string | null } {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return { reason: reasonOf(error), allow: error.metadata.get('allow') };
  }
  throw new Error('nothing was refused');
}

describe('createRouter', () => {
  const router = routerOf(
    'GET /v1/users/me',
    'GET /v1/users/{id}',
    'DELETE /v1/users/{id}',
    'GET /v1/users/**',
    'POST /v1/users/{id}:disable',
    'POST /v1/users:purge',
    'GET /v1/files/{name=dir/*/**}',
    'GET /v1/pairs/{pair=*/*}',
    'PROPFIND /v1/any',
    '* /v1/any/{x}',
    'GET /v1/any/{x}',
    'POST /v1/posted',
  );
  const found = (method: string, path: string) => router.find(method, path);

  it('prefers a literal to *, and * to **', () => {
    expect(found('GET', '/v1/users/me').target).toBe('GET /v1/users/me');
    expect(found('GET', '/v1/users/you')).toEqual({ target: 'GET /v1/users/{id}', values: ['you'] });
    expect(found('GET', '/v1/users/you/there').target).toBe('GET /v1/users/**');
    expect(found('GET', '/v1/users').target).toBe('GET /v1/users/**');
  });

  it('falls back to the next template if the best lacks the method', () => {
    expect(found('DELETE', '/v1/users/me')).toEqual({ target: 'DELETE /v1/users/{id}', values: ['me'] });
  });

  it('prefers a named method to any method', () => {
    expect(found('GET', '/v1/any/1').target).toBe('GET /v1/any/{x}');
    expect(found('PUT', '/v1/any/1').target).toBe('* /v1/any/{x}');
    expect(found('PROPFIND', '/v1/any').target).toBe('PROPFIND /v1/any');
  });

  it('splits a known verb from the last segment', () => {
    expect(found('POST', '/v1/users/7:disable')).toEqual({ target: 'POST /v1/users/{id}:disable', values: ['7'] });
    expect(found('POST', '/v1/users:purge').target).toBe('POST /v1/users:purge');
    expect(found('POST', '/v1/users/a:b:disable').values).toEqual(['a:b']);
  });

  it('treats an unknown or encoded verb as data', () => {
    expect(found('GET', '/v1/users/7:else').values).toEqual(['7:else']);
    expect(found('GET', '/v1/users/7%3Adisable').values).toEqual(['7:disable']);
    expect(found('GET', '/v1/users/:disable').values).toEqual([':disable']);
  });

  it('responds to a wrong method on a known path with Allow, including HEAD with GET', () => {
    expect(refusal(() => found('PUT', '/v1/users/7'))).toEqual({
      reason: 'METHOD_NOT_ALLOWED',
      allow: 'DELETE, GET, HEAD',
    });
    expect(refusal(() => found('GET', '/v1/users/7:disable'))).toEqual({ reason: 'METHOD_NOT_ALLOWED', allow: 'POST' });
    expect(refusal(() => found('HEAD', '/v1/posted'))).toEqual({ reason: 'METHOD_NOT_ALLOWED', allow: 'POST' });
  });

  it('matches HEAD to GET', () => {
    expect(found('HEAD', '/v1/users/7').target).toBe('GET /v1/users/{id}');
  });

  it('decodes a single segment fully and keeps %2F in several', () => {
    expect(found('GET', '/v1/users/a%2Fb%20%C3%A9').values).toEqual(['a/b é']);
    expect(found('GET', '/v1/files/dir/a%20b/c%2fd/e').values).toEqual(['dir/a b/c%2fd/e']);
    expect(found('GET', '/v1/pairs/a/b%2F').values).toEqual(['a/b%2F']);
  });

  it('matches a literal by its decoded text', () => {
    expect(found('GET', '/v1/%75sers/me').target).toBe('GET /v1/users/me');
    expect(refusal(() => found('GET', '/v1%2Fusers/me')).reason).toBe('NOT_FOUND');
  });

  it('lets ** match no segment at all', () => {
    expect(found('GET', '/v1/files/dir/a').values).toEqual(['dir/a']);
  });

  it.each([
    '/',
    '',
    '/v1/users/',
    '/v1//users/me',
    '//v1/users/me',
    '/v1/files/dir/a/',
    'v1/users/me',
    '*',
    '/V1/users/me',
  ])('does not match %j', (path) => {
    expect(refusal(() => found('GET', path)).reason).toBe('NOT_FOUND');
  });

  it.each(['/v1/users/%', '/v1/users/%zz', '/v1/users/%ff', '/v1/users/%c3', '/no/such/%'])(
    'refuses malformed percent-encoding in %j',
    (path) => {
      expect(refusal(() => found('GET', path)).reason).toBe('INVALID_ARGUMENT');
    },
  );

  it('throws on duplicate routes, naming both', () => {
    expect(() => routerOf('GET /v1/{a}', 'GET /v1/{b}')).toThrow('GET /v1/{a} and GET /v1/{b}');
    expect(() => routerOf('GET /v1/{a=dir/*}', 'GET /v1/dir/*')).toThrow('GET /v1/{a=dir/*} and GET /v1/dir/*');
    expect(() => routerOf('GET /a:x', 'GET /a', 'POST /a', 'GET /a:y', 'GET /*', 'GET /**')).not.toThrow();
  });

  it('returns the values that a path was built from', () => {
    const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((value) => value.isWellFormed());
    const literal = fc.stringMatching(/^[a-z][a-z0-9._~-]{0,6}$/);
    const part = fc.oneof(
      literal.map((value) => ({ template: value, path: value, value: undefined })),
      text.map((value) => ({ template: '{}', path: encodeURIComponent(value), value })),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), fc.option(literal, { nil: '' }), (parts, verb) => {
        const names = parts.map(({ template }, index) => (template === '{}' ? `{f${index}}` : template));
        const tail = verb === '' ? '' : `:${verb}`;
        const template = `/${names.join('/')}${tail}`;
        const match = routerOf(`GET ${template}`).find('GET', `/${parts.map(({ path }) => path).join('/')}${tail}`);
        expect(match.values).toEqual(parts.flatMap(({ value }) => value ?? []));
      }),
    );
  });

  it('matches or refuses any path, without other errors', () => {
    const pieces = fc.constantFrom(
      '/',
      'v1',
      'users',
      'me',
      'files',
      'dir',
      ':',
      'disable',
      '%',
      '%2F',
      '%41',
      '%ff',
      '.',
      '..',
      'é',
      '\\',
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 15 }),
        fc.constantFrom('GET', 'HEAD', 'POST', 'BREW'),
        (parts, method) => {
          let outcome: string | undefined;
          try {
            outcome = typeof router.find(method, parts.join('')).target;
          } catch (error) {
            outcome = reasonOf(error);
          }
          expect(['string', 'NOT_FOUND', 'METHOD_NOT_ALLOWED', 'INVALID_ARGUMENT']).toContain(outcome);
        },
      ),
    );
  });
});
