import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Key } from '#kit/config/config.ts';
import { isSecret, twinOf } from '#kit/config/secret-file.ts';
import { serviceKeys } from '../services/keys.ts';

/** A template for .env with every key of every service and its default. */
export const envExampleFile = fileURLToPath(new URL('../.env.example', import.meta.url));

const head = `# Signet's configuration with all defaults. Copy this file to .env and uncomment the
# lines to change. The environment takes precedence over .env. An empty value counts
# as unset. A secret has a second key, with _FILE: the path of a file with the value.
# See docs/configuration.md.
#
# Docker Compose needs more lines: npm run --silent compose:env >> .env (docs/compose.md).
`;

/** The text of .env.example. Keys are grouped by the services that read them. */
export async function envExample(): Promise<string> {
  const found = new Map<string, { key: Key; readers: string[] }>();
  // The defaults of the services' own processes take precedence over those of npm start.
  const [together, ...alone] = serviceKeys;
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

function entry(key: Key): string {
  const { env, doc, default: standard = '' } = key;
  const twin = isSecret(key) ? `#${twinOf(env)}=\n` : '';
  // The code writes an empty list as a comma.
  return `# ${doc}\n#${env}=${standard === ',' ? '' : standard}\n${twin}`;
}

/** Writes .env.example. */
export async function writeEnvExample(): Promise<void> {
  await writeFile(envExampleFile, await envExample());
}
