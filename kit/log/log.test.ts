import { expect, test } from 'vitest';
import { failure } from '#kit/errors/failure.ts';
import { createLog } from './log.ts';

test('an error is logged with its reason and its cause, without descriptors and headers', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
  log.warn({ err: failure('SERVICE_UNAVAILABLE', { retryAfter: 1, cause: new Error('no route') }) }, 'away');
  log.warn({ err: new TypeError('wrong') }, 'plain');
  const [first, second] = lines.map((line) => JSON.parse(line));
  expect(first.err).toMatchObject({ type: 'ConnectError', reason: 'SERVICE_UNAVAILABLE' });
  expect(first.err.stack).toContain('no route');
  expect(lines[0]).not.toMatch(/descriptor|retry-after|"details"/i);
  expect(second.err).toMatchObject({ type: 'TypeError', message: 'wrong' });
});
