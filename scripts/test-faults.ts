// npm run test:faults -- <suite> [--kills N] [--restarts N] [--seed N]: runs a suite of test/faults with more faults than `npm run test:all`.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { root } from './check/check.ts';
import { pinnedNode } from './setup.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kills: { type: 'string' }, restarts: { type: 'string' }, seed: { type: 'string' } },
});
const file = `test/faults/${positionals[0]}.test.ts`;
const numbers = Object.values(values);
if (positionals.length !== 1 || !existsSync(path.join(root, file)) || numbers.some((one) => !/^\d{1,9}$/.test(one))) {
  console.error('usage: npm run test:faults -- <suite of test/faults> [--kills N] [--restarts N] [--seed N]');
  process.exit(2);
}
const { status } = spawnSync(
  pinnedNode,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'faults', '--reporter', 'verbose', file],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(values.kills === undefined ? {} : { TEST_SAGA_KILLS: values.kills }),
      ...(values.restarts === undefined ? {} : { TEST_RESTARTS: values.restarts }),
      ...(values.seed === undefined ? {} : { TEST_SEED: values.seed }),
    },
  },
);
process.exitCode = status ?? 1;
