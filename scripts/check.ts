// npm run check: all checks that need no running system. Arguments select checks
// whose claim contains them: npm run check -- lint types
import { access, recentSignIn } from './check/access.ts';
import { breaking } from './check/breaking.ts';
import { type Check, Violation } from './check/check.ts';
import { compose } from './check/compose.ts';
import { consumers, edgeRules, served } from './check/contract.ts';
import { documented } from './check/docs.ts';
import { examples } from './check/examples.ts';
import { generated } from './check/generated.ts';
import { imports } from './check/imports.ts';
import { links } from './check/links.ts';
import { machine } from './check/machine.ts';
import { migrationRules, migrations } from './check/migrations.ts';
import { rules } from './check/rules.ts';
import { statements } from './check/statements.ts';
import { tools } from './check/tools.ts';
import { CommandError } from './command.mjs';

const all: Check[] = [
  ...tools,
  breaking,
  generated,
  migrations,
  migrationRules,
  access,
  edgeRules,
  served,
  consumers,
  recentSignIn,
  examples,
  rules,
  imports,
  compose,
  documented,
  links,
  statements,
  machine,
];
const words = process.argv.slice(2);
const chosen = words.length > 0 ? all.filter(({ claim }) => words.some((word) => claim.includes(word))) : all;
if (chosen.length === 0) throw new Error(`no check contains ${words.join(' or ')}`);

const results = await Promise.all(chosen.map(runCheck));
const failed = results.filter((passed) => !passed).length;
console.log(failed === 0 ? `all ${chosen.length} checks passed` : `${failed} of ${chosen.length} checks failed`);
process.exit(failed === 0 ? 0 : 1);

async function runCheck({ claim, run }: Check): Promise<boolean> {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`.padStart(7);
  try {
    await run();
    console.log(`ok   ${seconds()}  ${claim}`);
    return true;
  } catch (error) {
    console.log(`FAIL ${seconds()}  ${claim}\n${indent(explain(error))}`);
    return false;
  }
}

function explain(error: unknown): string {
  if (error instanceof CommandError) return `${error.output.trim()}\n${error.message}`.trim();
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '     ');
}
