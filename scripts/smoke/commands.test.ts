import { expect, test } from 'vitest';
import { commandsOf } from './commands.ts';

const fence = '```';

test('finds sh blocks in order, with their lines and the outputs that directly follow', () => {
  const text = `# Title

${fence}sh
one
${fence}

${fence}json
{"a":1}
${fence}

${fence}sh
two \\
  three
${fence}
${fence}text
four
${fence}
`;
  expect(commandsOf(text)).toEqual([
    { line: 4, commands: 'one\n', answer: { kind: 'json', text: '{"a":1}\n' } },
    { line: 12, commands: 'two \\\n  three\n', answer: { kind: 'text', text: 'four\n' } },
  ]);
});

test('a block separated from the command is not its output', () => {
  const text = `${fence}sh
one
${fence}
It says nothing. Elsewhere:
${fence}json
{}
${fence}
${fence}sh
two
${fence}
${fence}js
code
${fence}
${fence}json
{}
${fence}
`;
  expect(commandsOf(text).map(({ answer }) => answer)).toEqual([undefined, undefined]);
});

test('ignores bash blocks and blocks without a language', () => {
  expect(commandsOf(`${fence}bash\nnpm test\n${fence}\n\n${fence}\nplain\n${fence}\n`)).toEqual([]);
});
