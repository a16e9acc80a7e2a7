// npm run packages:try: installs the packages in new projects, as their READMEs say, and runs the examples.
import { spawnSync } from 'node:child_process';
import { root } from './check/check.ts';
import { pinnedNode } from './setup.mjs';

const { status } = spawnSync(
  pinnedNode,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'faults', '--reporter', 'verbose', 'test/packages'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TEST_PACKAGES: '1' } },
);
process.exitCode = status ?? 1;
