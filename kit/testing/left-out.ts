import type { Reporter, TestModule } from 'vitest/node';
import { isLeftOut } from './programs.ts';

/** Vitest reporter that lists the skipped suites at the end of a run. */
export default class LeftOutReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const titles = modules.flatMap(({ children }) => [...children.allSuites()].map(({ name }) => name));
    process.stdout.write(closingWords(titles));
  }
}

/** Returns the summary of a run with these suites; empty if none was skipped. */
export function closingWords(titles: readonly string[]): string {
  const missing = titles.filter(isLeftOut);
  if (missing.length === 0) return '';
  const lines = missing.map((title) => `  ${title}\n`);
  return `\nNot everything was tested; docs/testing.md says how to get what is missing:\n${lines.join('')}\n`;
}
