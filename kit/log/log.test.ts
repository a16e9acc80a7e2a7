import { expect, test } from 'vitest';
import { AwayError } from '#kit/errors/away.ts';
import { failure } from '#kit/errors/failure.ts';
import { createLog } from './log.ts';

/** What the log has of an error, as text and parsed. */
function logged(error: Error): { readonly text: string; readonly err: Record<string, unknown> } {
  let text = '';
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void (text += line) } });
  log.warn({ err: error }, 'failed');
  return { text, err: JSON.parse(text).err };
}

test('an error is logged with its reason and its cause, without descriptors and headers', () => {
  const { text, err } = logged(failure('INTERNAL', { retryAfter: 1, cause: new Error('no route') }));
  expect(err).toMatchObject({ type: 'ConnectError', reason: 'INTERNAL' });
  expect(err['stack']).toContain('no route');
  expect(text).not.toMatch(/descriptor|retry-after|"details"/i);
  expect(logged(new TypeError('wrong')).err).toMatchObject({ type: 'TypeError', message: 'wrong' });
});

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

const prisma = Object.assign(
  new Error(
    "\nInvalid `client.profile.findMany()` invocation in\n/app/store.ts:1:2\n\n  1 find\n→ 2 many(\n\n\nCan't reach database server",
  ),
  { code: 'ECONNREFUSED', meta: { modelName: 'Profile' } },
);

test.each([
  [
    'a service',
    failure('SERVICE_UNAVAILABLE', { cause: new Error('no route') }),
    { message: expect.stringMatching(/: no route$/), code: 14, reason: 'SERVICE_UNAVAILABLE' },
  ],
  ['a deadline', failure('DEADLINE_EXCEEDED'), { code: 4, reason: 'DEADLINE_EXCEEDED' }],
  ['a database', prisma, { message: "Can't reach database server", code: 'ECONNREFUSED' }],
  ['NATS', new AwayError('NATS is away'), { type: 'AwayError', message: 'NATS is away' }],
  [
    'an HTTP server',
    new TypeError('fetch failed', { cause: refused }),
    { message: 'fetch failed: connect ECONNREFUSED' },
  ],
])('the outage of %s is logged in a sentence, with its code and its cause, and without a stack', (_, error, fields) => {
  const { err } = logged(error);
  expect(err).toMatchObject(fields);
  expect(Object.keys(err).filter((name) => !/^(type|message|code|reason)$/.test(name))).toEqual([]);
  expect(err['message']).not.toContain('\n');
});

test('an outage takes one line on a terminal, other errors have their stack on more', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'pretty', destination: { write: (line) => void lines.push(line) } });
  log.warn({ err: new AwayError('NATS is away'), work: 'relay' }, 'background work failed');
  log.warn({ err: new TypeError('wrong') }, 'failed');
  expect(lines[0]?.split('\n')).toEqual([expect.stringMatching(/background work failed.*NATS is away.*relay/), '']);
  expect(lines[1]).toMatch(/TypeError: wrong\n\s+at /);
});

test('an error that causes itself is logged', () => {
  const error = new Error('circular');
  error.cause = error;
  expect(logged(error).err).toMatchObject({ message: expect.stringContaining('circular') });
});
