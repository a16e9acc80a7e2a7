// npm run format: formats TypeScript and protos.
import { root } from './check/check.ts';
import { runQuietly } from './command.mjs';

await runQuietly('oxfmt', ['--write', '.'], { cwd: root });
await runQuietly('buf', ['format', '-w', 'proto'], { cwd: root });
