import { fileURLToPath } from 'node:url';

/** One thing that must hold of the tree. */
export interface Check {
  /** The claim, as a sentence without a full stop. */
  readonly claim: string;
  /** Rejects when it does not hold; a Violation says where. */
  readonly run: () => Promise<void>;
}

/** A claim that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Folder of the project, with a slash at its end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Throws a Violation that names every fault, if there is one. */
export function expectNone(faults: readonly string[], advice = ''): void {
  if (faults.length > 0) throw new Violation([...faults, ...(advice ? [advice] : [])].join('\n'));
}
