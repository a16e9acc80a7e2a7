import { fileURLToPath } from 'node:url';

/** A check of the source tree. */
export interface Check {
  /** What holds if it passes, as a sentence without a full stop. */
  readonly claim: string;
  /** Rejects if it fails; a Violation lists the faults. */
  readonly run: () => Promise<void>;
}

/** A failed check. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Folder of the project, with a trailing slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** @throws Violation listing the faults, if any */
export function expectNone(faults: readonly string[], advice = ''): void {
  if (faults.length > 0) throw new Violation([...faults, ...(advice ? [advice] : [])].join('\n'));
}
