import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Key } from '#kit/config/config.ts';
import { serviceKeys } from './docs.ts';

/** Every key of every service with its default, to copy. */
export const envExampleFile = fileURLToPath(new URL('../.env.example', import.meta.url));

const head = `# Signet's configuration. Copy this file to .env, and take the # away from what you
# change: what stands here are the defaults. The environment wins over .env, and an
# empty value counts as none. All of it is explained in docs/configuration.md.
#
# Docker Compose needs SIGNET_MASTER_KEY here; openssl rand -base64 32 makes one.
`;

/** The text of .env.example. Keys that the same services read stand together. */
export async function envExample(): Promise<string> {
  const found = new Map<string, { key: Key; readers: string[] }>();
  // A default that only npm start has is not for the processes that read the same file: theirs stands here.
  const [together, ...alone] = await serviceKeys();
  for (const [service, keys] of [...alone, ...(together ? [together] : [])]) {
    for (const key of Object.values(keys)) {
      const known = found.get(key.env);
      if (known) known.readers.push(service);
      else found.set(key.env, { key, readers: [service] });
    }
  }
  const groups = Map.groupBy(found.values(), ({ readers }) => readers.toSorted().join(', '));
  const sections = [...groups].map(
    ([readers, entries]) => `\n# --- ${readers}\n\n${entries.map(({ key }) => entry(key)).join('\n')}`,
  );
  return head + sections.join('');
}

function entry({ env, doc, default: standard = '' }: Key): string {
  // A comma is how a list with nothing in it is written in the code.
  return `# ${doc}\n#${env}=${standard === ',' ? '' : standard}\n`;
}

/** Writes it anew. */
export async function writeEnvExample(): Promise<void> {
  await writeFile(envExampleFile, await envExample());
}
