import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';
import { Secret } from './secret.ts';

const secret = new Secret('hunter2');

test('reveals its value only through reveal()', () => {
  const seen = [
    String(secret),
    secret + '',
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    Object.values(secret).join(),
  ].join();
  expect(seen).not.toContain('hunter2');
  expect(seen).toContain('[redacted]');
  expect(secret.reveal()).toBe('hunter2');
});

test.each(['json', 'pretty'] as const)('prints as [redacted] in %s logs, at any depth', async (format) => {
  const lines: string[] = [];
  const destination = new Writable({
    write(line: Buffer, _, done) {
      lines.push(line.toString());
      done();
    },
  });
  const log = createLog({ level: 'info', format, destination });
  log.info({ secret, deep: { er: [secret] } }, 'a line with %s', secret);
  log.child({ secret }).info('another');
  await expect.poll(() => lines.join('')).toContain('another');
  expect(lines.join('')).toContain('[redacted]');
  expect(lines.join('')).not.toContain('hunter2');
});
