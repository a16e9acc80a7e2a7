import { runQuietly } from '../command.mjs';
import { releasedContract } from '../release-contract.ts';
import { type Check, root } from './check.ts';

/** Those who use the contract of the last release can go on doing so. */
export const breaking: Check = {
  claim: 'no change of a proto breaks its users',
  async run() {
    // proto/ alone: what others wrote is theirs to change.
    await runQuietly('buf', ['breaking', 'proto', '--against', releasedContract], { cwd: root });
  },
};
