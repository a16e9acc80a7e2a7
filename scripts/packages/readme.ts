import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from '../check/check.ts';
import { packages } from './definitions.ts';

/** An example of the guard (kit/guard/examples), as a file of a project that uses @signet/guard. */
export async function exampleFor(name: string): Promise<string> {
  const text = await readFile(path.join(root, 'kit/guard/examples', `${name}.ts`), 'utf8');
  const imported = text
    .replaceAll(/(?<=from ')\.\.\/([\w-]+)\.ts(?=')/g, (_, module: string) => entryOf(module))
    .replaceAll("'../../../gen/proto/signet/test/v1/echo_service_pb.ts'", "'./gen/acme/echo/v1/echo_service_pb.js'");
  return `\`src/${name}.ts\`:\n\n\`\`\`ts\n${imported}\`\`\`\n`;
}

function entryOf(module: string): string {
  const isEntry = existsSync(path.join(root, 'packages/guard', `${module}.ts`));
  return isEntry ? `@signet/guard/${module}` : '@signet/guard';
}

/** The entry points of @signet/client for the packages of the contract, with their services, as a table. */
export async function clientEntries(): Promise<string> {
  const rows = (await packages()).flatMap(({ barrels }) =>
    [...barrels].map(([entry, files]) => {
      const services = files.flatMap((file) => file.services.map(({ name }) => `\`${name}\``));
      return `| \`@signet/client/${entry.slice(2)}\` | ${services.join(', ')} |`;
    }),
  );
  return ['| entry point | services |', '|---|---|', ...rows].join('\n');
}
