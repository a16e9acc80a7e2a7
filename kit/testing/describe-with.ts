import { describe } from 'vitest';
import { isLeftOut, type Program, titleWith } from './programs.ts';

/**
 * Vitest's `describe` for a suite that needs programs. Where one of them is missing the suite is left out; its
 * title says for want of what, and the run names it at its end (left-out.ts).
 */
export function describeWith(programs: readonly Program[], title: string, suite: () => void): void {
  const name = titleWith(programs, title);
  // oxlint-disable-next-line vitest/valid-title, vitest/valid-describe-callback -- both are the caller's, and text and a function
  describe.skipIf(isLeftOut(name))(name, suite);
}
