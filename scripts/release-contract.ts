// npm run contract:release: records the current contract as that of a release, which
// later changes must not break. Run it when you tag a release.
import { runQuietly } from './command.mjs';
import { root } from './setup.mjs';

/** The contract of the last release: a buf image of proto/ without comments. */
export const releasedContract = 'test/contract/released.binpb';

if (import.meta.main) {
  await runQuietly('buf', ['build', 'proto', '-o', releasedContract, '--exclude-source-info'], { cwd: root });
  console.log(`wrote ${releasedContract}`);
}
