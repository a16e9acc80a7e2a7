import { describe } from 'vitest';
import { isLeftOut, type Program, titleWith } from './programs.ts';

/**
 * Vitest's `describe` for a suite that requires programs. If one is missing, the suite is skipped; its title names
 * the missing programs, and the reporter lists it at the end of the run (left-out.ts).
 */
export function describeWith(programs: readonly Program[], title: string, suite: () => void): void {
  const name = titleWith(programs, title);
  // oxlint-disable-next-line vitest/valid-title, vitest/valid-describe-callback -- both are parameters: a string and a function
  describe.skipIf(isLeftOut(name))(name, suite);
}
