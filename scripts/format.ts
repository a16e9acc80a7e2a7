// npm run format: writes TypeScript and protos as they should look.
import { root } from './check/check.ts';
import { runQuietly } from './command.mjs';

await runQuietly('oxfmt', ['--write', '.'], { cwd: root });
await runQuietly('buf', ['format', '-w', 'proto'], { cwd: root });
