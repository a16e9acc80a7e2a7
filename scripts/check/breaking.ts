import { existsSync } from 'node:fs';
import path from 'node:path';
import { runQuietly } from '../command.mjs';
import { type Check, root } from './check.ts';

/** What a change is held against, best first. A shallow or detached clone has no branch main. */
const bases = ['refs/heads/main', 'refs/remotes/origin/main', 'HEAD'];

/** Whoever uses the contract as it stands on main can go on doing so. */
export const breaking: Check = {
  claim: 'no change of a proto breaks its users',
  async run() {
    // A tree without its history (an archive, an image) has nothing to compare with.
    if (!existsSync(path.join(root, '.git'))) return;
    const base = await firstOf(bases);
    // A repository without a commit has no users.
    if (base === undefined) return;
    // proto/ alone: what others wrote is theirs to change.
    await runQuietly('buf', ['breaking', 'proto', '--against', `.git#ref=${base},subdir=proto`], { cwd: root });
  },
};

async function firstOf(refs: readonly string[]): Promise<string | undefined> {
  for (const ref of refs) {
    try {
      await runQuietly('git', ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], { cwd: root });
      return ref;
    } catch {
      // Not here: the next one.
    }
  }
  return undefined;
}
