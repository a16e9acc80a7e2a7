import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { confirm, createTerminal } from './terminal.ts';

/** A terminal on two pipes: input and output. */
function openTerminal(isInteractive = true) {
  const keys = Object.assign(new PassThrough(), { isTTY: isInteractive });
  const screen = Object.assign(new PassThrough(), { isTTY: isInteractive });
  let seen = '';
  screen.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
  const terminal = createTerminal(keys as unknown as NodeJS.ReadStream, screen as unknown as NodeJS.WriteStream);
  return { terminal, type: (text: string) => keys.write(text), seen: () => seen };
}

test('echoes the input', async () => {
  const { terminal, type, seen } = openTerminal();
  const answer = terminal.ask('email: ');
  type('ada@example.com\r');
  expect(await answer).toBe('ada@example.com');
  expect(seen()).toContain('ada@example.com');
});

test('does not echo a password, also when it is edited', async () => {
  const { terminal, type, seen } = openTerminal();
  const answer = terminal.askHidden('password: ');
  type('hunter3\u007F2 and more\r');
  expect(await answer).toBe('hunter2 and more');
  expect(seen()).toBe('password: \n');
});

test('Ctrl-C at a prompt stops the command', async () => {
  const { terminal, type } = openTerminal();
  const answer = terminal.askHidden('password: ');
  type('half a pass\u0003');
  await expect(answer).rejects.toThrow('stopped.');
});

describe('a confirmation', () => {
  test.each(['y\r', 'yes\r', 'Y\r'])('accepts %j', async (typed) => {
    const { terminal, type, seen } = openTerminal();
    const done = confirm(terminal, 'Really?', undefined);
    type(typed);
    await expect(done).resolves.toBeUndefined();
    expect(seen()).toContain('Really? [y/N] ');
  });

  test.each(['\r', 'n\r', 'yesterday\r'])('declines on %j', async (typed) => {
    const { terminal, type } = openTerminal();
    const done = confirm(terminal, 'Really?', undefined);
    type(typed);
    await expect(done).rejects.toMatchObject({ exit: 1, message: 'nothing was changed.' });
  });

  test('does not prompt with --yes or without a terminal', async () => {
    const { terminal, seen } = openTerminal(false);
    await expect(confirm(terminal, 'Really?', true)).resolves.toBeUndefined();
    await expect(confirm(terminal, 'Really?', undefined)).rejects.toMatchObject({ exit: 2 });
    expect(seen()).toBe('');
  });
});
