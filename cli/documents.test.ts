import type { Command } from 'commander';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createCli } from './cli.ts';
import { createOutput } from './output.ts';
import { createProgram } from './program.ts';

/** The commands of the documents are those of the program. */

const root = fileURLToPath(new URL('..', import.meta.url));
const nowhere = { isTTY: false, write: () => true };
const terminal = { isInteractive: false, ask: async () => '', askHidden: async () => '' };
const program = createProgram(createCli({ environment: {}, output: createOutput(nowhere, nowhere), terminal }));

/** Returns the first word of a command line that the program does not know; undefined if it knows all. */
function unknownIn(line: string): string | undefined {
  const words = line.split(/\s+/).filter((word) => word !== '');
  let command: Command = program;
  for (const word of words) {
    const option = /^--[a-z-]+/.exec(word)?.[0];
    if (option !== undefined) {
      if (option === '--help' || [...command.options, ...program.options].some(({ long }) => long === option)) continue;
      return option;
    }
    const next: Command | undefined = command.commands.find((one) => one.name() === word);
    if (next) command = next;
    // What follows a command without subcommands is its arguments and the values of its options.
    else if (command.commands.length > 0 && !word.startsWith('<')) return word;
  }
  return undefined;
}

const lines = ['README.md', ...globSync('docs/*.md', { cwd: root })].flatMap((name) =>
  [...readFileSync(`${root}/${name}`, 'utf8').matchAll(/\bsignet -- ([a-z][^\n`|)'"]*)/g)].map(
    ([, line = '']) => [name, line.trim()] as const,
  ),
);

test('every command line in a document has a known command and known options', () => {
  expect(lines.length).toBeGreaterThan(40);
  const unknown = lines.flatMap(([name, line]) => (unknownIn(line) === undefined ? [] : [`${name}: ${line}`]));
  expect(unknown).toEqual([]);
});

test('the test finds an unknown command and an unknown option', () => {
  expect(unknownIn('users ban ada@example.com')).toBe('ban');
  expect(unknownIn('audit list --since 12h')).toBe('--since');
});

test('docs/cli.md shows every command', () => {
  const text = readFileSync(`${root}/docs/cli.md`, 'utf8').replaceAll(/\s+/g, ' ');
  const all = program.commands.flatMap((group) => group.commands.map((command) => `${group.name()} ${command.name()}`));
  expect(all.filter((command) => !text.includes(command))).toEqual([]);
});
