import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { closingWords } from './left-out.ts';
import { findProgram, titleWith } from './programs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'signet-programs-'));
  vi.stubEnv('PATH', ['relative', folder].join(path.delimiter));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('finds a program by the first name that exists', () => {
  writeFileSync(path.join(folder, 'second'), '', { mode: 0o755 });
  const program = findProgram('first', 'second');
  expect(program.path).toBe(path.join(folder, 'second'));
  expect(titleWith([program], 'the suite')).toBe('the suite');
});

test.each([
  ['is missing', () => undefined],
  ['is not executable', () => writeFileSync(path.join(folder, 'first'), '', { mode: 0o644 })],
  ['is a folder', () => mkdirSync(path.join(folder, 'first'))],
])("a program that %s is missing, and the suite's title names it", (_, prepare) => {
  prepare();
  const program = findProgram('first', 'second');
  expect(program.path).toBeUndefined();
  const title = titleWith([program, findProgram('third')], 'the suite');
  expect(title).toBe('the suite, left out: not on PATH: first or second, third');
});

test('a run lists skipped suites at its end, if there are any', () => {
  const [b, d] = ['b', 'd'].map((title) => titleWith([findProgram('first')], title));
  expect(closingWords(['a', `${b}`, 'c', `${d}`], [])).toContain(`  ${b}\n  ${d}\n`);
  expect(closingWords(['a', 'c'], [])).toBe('');
});

test('a run names the projects that it leaves out, and how to run them', () => {
  expect(closingWords(['a'], ['x', 'y'])).toContain('Left out: x, y. npm run test:all runs them too.');
});
