import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { type KitReason, kitReasons } from '#kit/errors/reasons.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { problemOf } from './problem.ts';

const at = { instance: '/x', requestId: 'r' };

describe('problemOf', () => {
  it.each(Object.keys(kitReasons) as KitReason[])('%s has its status and title', (reason) => {
    const { status, headers, body } = problemOf(failure(reason), at);
    expect(status).toBe(kitReasons[reason].status);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(body).toEqual({
      type: `urn:signet:error:${reason}`,
      title: kitReasons[reason].title,
      status,
      instance: '/x',
      code: reason,
      request_id: 'r',
    });
  });

  it("a service's reason has its own status and title, and metadata", () => {
    const error = testFailure('CARD_DECLINED', { metadata: { payment_id: 'p-1' }, detail: 'The bank said no.' });
    expect(problemOf(error, at).body).toEqual({
      type: 'urn:signet:error:CARD_DECLINED',
      title: 'The card was declined.',
      status: 402,
      detail: 'The bank said no.',
      instance: '/x',
      code: 'CARD_DECLINED',
      request_id: 'r',
      metadata: { payment_id: 'p-1' },
    });
  });

  it('omits missing metadata', () => {
    expect(problemOf(testFailure('TEXT_TAKEN'), at).body).not.toHaveProperty('metadata');
  });

  it('masks an error without a reason', () => {
    for (const error of [new Error('secret'), 'secret', undefined, new ConnectError('secret', Code.Internal)]) {
      const { status, body } = problemOf(error, at);
      expect(status).toBe(500);
      expect(JSON.stringify(body)).not.toContain('secret');
      expect(body.code).toBe('INTERNAL');
    }
  });

  it('names invalid fields in errors and in the detail', () => {
    const fields = [
      { field: 'email', description: 'Must be an email.', reason: 'STRING_EMAIL' },
      { field: '$body', description: 'Not valid JSON.', reason: 'NOT_JSON' },
    ];
    const { body } = problemOf(failure('INVALID_ARGUMENT', { fields }), at);
    expect(body.errors).toEqual(fields);
    expect(body.detail).toBe('email: Must be an email. Not valid JSON.');
  });

  it("has the error's headers, with separate cookies", () => {
    const error = failure('RATE_LIMITED', { retryAfter: 2.1 });
    error.metadata.set('ratelimit-remaining', '0');
    error.metadata.set('RateLimit', 'x');
    error.metadata.set('x-other', 'y');
    error.metadata.append('set-cookie', 'a=1');
    error.metadata.append('set-cookie', 'b=2');
    expect(problemOf(error, at).headers).toEqual({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': '3',
      'ratelimit-remaining': '0',
      ratelimit: 'x',
      'set-cookie': ['a=1', 'b=2'],
    });
  });

  it("has a challenge on 401, the error's own if it sets one", () => {
    expect(problemOf(failure('TOKEN_REQUIRED'), at).headers['www-authenticate']).toBe('Bearer');
    const error = failure('INVALID_TOKEN');
    error.metadata.set('www-authenticate', 'Bearer error="invalid_token"');
    expect(problemOf(error, at).headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  it('omits a missing request id and truncates the path', () => {
    const { body } = problemOf(failure('NOT_FOUND'), { instance: `/${'x'.repeat(5000)}` });
    expect(body).not.toHaveProperty('request_id');
    expect(body.instance).toHaveLength(1024);
  });
});
