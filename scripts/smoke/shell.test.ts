import { expect, onTestFinished, test } from 'vitest';
import { openShell, type Shell } from './shell.ts';

function open(): Shell {
  const shell = openShell('/', process.env);
  onTestFinished(() => shell.close());
  return shell;
}

test('returns the output and status of a command', async () => {
  const shell = open();
  expect(await shell.paste('echo one; echo two >&2')).toEqual({ output: 'one\n', errors: 'two\n', status: 0 });
  expect(await shell.paste('printf x; false')).toMatchObject({ output: 'x', status: 1 });
});

test('keeps variables between pastes', async () => {
  const shell = open();
  expect((await shell.paste('WORD=$(echo "a b")')).output).toBe('');
  expect((await shell.paste('echo "$WORD"')).output).toBe('a b\n');
});

test('throws if commands end the shell', async () => {
  await expect(open().paste('exit 3')).rejects.toThrow('ended the shell');
});
