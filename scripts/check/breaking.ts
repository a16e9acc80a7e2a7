import { runQuietly } from '../command.mjs';
import { releasedContract } from '../release-contract.ts';
import { type Check, root } from './check.ts';

/** The contract is compatible with that of the last release. */
export const breaking: Check = {
  claim: 'no proto change is breaking',
  async run() {
    // Only proto/: third-party protos are not part of the contract.
    await runQuietly('buf', ['breaking', 'proto', '--against', releasedContract], { cwd: root });
  },
};
