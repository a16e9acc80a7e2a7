import { expect, test } from 'vitest';
import type { Paste } from './commands.ts';
import { pasteAll } from './paste.ts';

const paste = (line: number, commands: string, text?: string): Paste => ({
  line,
  commands,
  answer: text === undefined ? undefined : { kind: 'text', text },
});
const run = (...pastes: Paste[]) => pasteAll('guide.md', pastes, import.meta.dirname, process.env);

test('all commands of a document run in one shell, in order', async () => {
  const pastes = [
    paste(3, 'NAME=Grace\n'),
    paste(7, 'echo "$NAME"\n', 'Grace\n'),
    paste(11, 'ls paste.ts\n', 'paste.ts\n'),
  ];
  await expect(run(...pastes)).resolves.toBeUndefined();
});

test.each([
  ['has another output', paste(7, 'echo Ada\n', 'Grace\n'), /^guide\.md:7: echo Ada\n.*Grace/s],
  ['has an output where none is documented', paste(7, 'echo Ada\n'), /^guide\.md:7: echo Ada\nexpected no output/],
  ['fails', paste(7, 'echo no >&2; false\n', ''), /^guide\.md:7: .*\nexited with 1\n.*no/s],
])('a command that %s ends the run, with its line', async (_, bad, message) => {
  await expect(run(paste(3, 'true\n'), bad, paste(9, 'exit\n'))).rejects.toThrow(message);
});
