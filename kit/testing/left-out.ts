import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { isLeftOut } from './programs.ts';

/** Vitest reporter that lists the projects that a run leaves out, and its skipped suites, at the end of the run. */
export default class LeftOutReporter implements Reporter {
  readonly #projects: readonly string[];
  #left: readonly string[] = [];

  /** @param options.projects the names of all projects */
  constructor({ projects }: { readonly projects: readonly string[] }) {
    this.#projects = projects;
  }

  onInit({ projects }: Vitest): void {
    const names = new Set(projects.map(({ name }) => name));
    this.#left = this.#projects.filter((name) => !names.has(name));
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const titles = modules.flatMap(({ children }) => [...children.allSuites()].map(({ name }) => name));
    process.stdout.write(closingWords(titles, this.#left));
  }
}

/**
 * Returns the summary of a run; empty if it left nothing out.
 * @param titles of the run's suites
 * @param projects that did not run
 */
export function closingWords(titles: readonly string[], projects: readonly string[]): string {
  const missing = titles.filter(isLeftOut);
  const lines = missing.map((title) => `  ${title}\n`);
  return [
    missing.length === 0
      ? ''
      : `\nNot everything was tested; docs/testing.md says how to get what is missing:\n${lines.join('')}\n`,
    projects.length === 0 ? '' : `\nLeft out: ${projects.join(', ')}. npm run test:all runs them too.\n\n`,
  ].join('');
}
