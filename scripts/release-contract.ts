// npm run contract:release: records the contract as it is now as that of a
// release, which later changes must not break. Run it with the tag of a release.
import { runQuietly } from './command.mjs';
import { root } from './setup.mjs';

/** The contract of the last release, as buf builds it: an image of proto/ without comments. */
export const releasedContract = 'test/contract/released.binpb';

if (import.meta.main) {
  await runQuietly('buf', ['build', 'proto', '-o', releasedContract, '--exclude-source-info'], { cwd: root });
  console.log(`wrote ${releasedContract}`);
}
