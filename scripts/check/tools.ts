import { runQuietly } from '../command.mjs';
import { type Check, root } from './check.ts';

function tool(claim: string, program: string, ...args: string[]): Check {
  return {
    claim,
    async run() {
      await runQuietly(program, args, { cwd: root });
    },
  };
}

/** Checks by external tools. */
export const tools: Check[] = [
  tool('types are correct', 'tsc', '-p', '.'),
  tool('lint finds nothing', 'oxlint', '--type-aware', '--deny-warnings'),
  tool('TypeScript is formatted', 'oxfmt', '--check', '.'),
  tool('protos are formatted', 'buf', 'format', '-d', '--exit-code', 'proto'),
  tool('buf lint finds nothing in the protos', 'buf', 'lint'),
];
